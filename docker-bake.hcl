# The images. `make images` calls it with the values of this checkout; docs/images.md has the commands.

variable "REGISTRY" {
  default     = ""
  description = "in front of every name, with its slash: registry.example.org/team/"
}

variable "VERSION" {
  default     = "dev"
  description = "the tag"
}

variable "REVISION" {
  default     = "unknown"
  description = "commit that the images are made of"
}

variable "BASE_IMAGE" {
  default     = "debian:trixie-slim"
  description = "Debian with Python 3.13; NAME:TAG@sha256:... holds it to a digest"
}

variable "PYTHON312_IMAGE" {
  default     = "python:3.12-slim-trixie"
  description = "of carla-agent: CARLA's wheels end at Python 3.12"
}

variable "LABELER_IMAGE" {
  default     = "python:3.12-slim-bookworm"
  description = "of labeler: Alpamayo's code asks for Python 3.12"
}

variable "PLATFORMS" {
  default     = "linux/amd64,linux/arm64"
  description = "of all images but carla-agent and labeler, which are for linux/amd64"
}

group "default" {
  targets = ["driver", "sim"]
}

group "everything" {
  targets = ["driver", "sim", "driver-full", "pipeline", "carla-agent", "labeler"]
}

# Attestations hold the time of the build, so they would make every digest another one.
target "common" {
  context   = "."
  platforms = split(",", PLATFORMS)
  args      = { BASE_IMAGE = BASE_IMAGE }
  attest    = ["type=provenance,disabled=true", "type=sbom,disabled=true"]
}

target "tools" {
  inherits   = ["common"]
  dockerfile = "docker/common.Dockerfile"
  target     = "tools"
  output     = ["type=cacheonly"]
}

target "runtime" {
  inherits   = ["common"]
  dockerfile = "docker/common.Dockerfile"
  target     = "runtime"
  output     = ["type=cacheonly"]
}

target "image" {
  inherits = ["common"]
  contexts = { tools = "target:tools", runtime = "target:runtime" }
  output   = ["type=image,rewrite-timestamp=true"]
  labels = {
    "org.opencontainers.image.licenses" = "Apache-2.0"
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.vendor"   = "avvla"
    "org.opencontainers.image.version"  = VERSION
  }
}

target "driver" {
  inherits   = ["image"]
  dockerfile = "docker/driver.Dockerfile"
  target     = "lean"
  tags       = ["${REGISTRY}avvla/driver:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla driver"
    "org.opencontainers.image.description" = "The driver service with the canary policies"
  }
}

target "driver-full" {
  inherits   = ["image"]
  dockerfile = "docker/driver.Dockerfile"
  target     = "full"
  tags       = ["${REGISTRY}avvla/driver-full:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla driver, full"
    "org.opencontainers.image.description" = "The driver service with the learned agent, CUDA 13"
  }
}

target "sim" {
  inherits   = ["image"]
  dockerfile = "docker/sim.Dockerfile"
  target     = "sim"
  tags       = ["${REGISTRY}avvla/sim:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla sim"
    "org.opencontainers.image.description" = "Tools of the simulation host"
  }
}

target "pipeline" {
  inherits   = ["image"]
  dockerfile = "docker/pipeline.Dockerfile"
  target     = "pipeline"
  tags       = ["${REGISTRY}avvla/pipeline:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla pipeline"
    "org.opencontainers.image.description" = "Train, label and evaluate with DVC"
  }
}

target "carla-agent" {
  inherits   = ["image"]
  dockerfile = "docker/driver.Dockerfile"
  target     = "carla-agent"
  platforms  = ["linux/amd64"]
  args       = { PYTHON312_IMAGE = PYTHON312_IMAGE }
  tags       = ["${REGISTRY}avvla/carla-agent:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla CARLA agent"
    "org.opencontainers.image.description" = "The learned agent and CARLA's client, CUDA 13"
  }
}

target "labeler" {
  inherits   = ["image"]
  dockerfile = "docker/labeler.Dockerfile"
  target     = "labeler"
  platforms  = ["linux/amd64"]
  args       = { LABELER_IMAGE = LABELER_IMAGE }
  tags       = ["${REGISTRY}avvla/labeler:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "avvla labeler"
    "org.opencontainers.image.description" = "Alpamayo's labels, in an environment of their own"
  }
}
