# What the flake gives to one system: shells, the driver and its image, commands, checks.
{ pkgs, source }:
let
  inherit (pkgs) lib;
  system = pkgs.stdenv.hostPlatform.system;

  # As in the images: Python 3.13, and the wheels of requirements/driver.lock by the same hashes.
  python = pkgs.python313;
  wheels = map (
    wheel:
    python.pkgs.buildPythonPackage {
      inherit (wheel) pname version;
      format = "wheel";
      src = pkgs.fetchPypi {
        inherit (wheel)
          pname
          version
          dist
          python
          abi
          platform
          ;
        format = "wheel";
        sha256 = wheel.sha256;
      };
      nativeBuildInputs = [ pkgs.autoPatchelfHook ];
      buildInputs = [
        pkgs.stdenv.cc.cc.lib
        pkgs.zlib
      ];
      dontCheckRuntimeDeps = true; # the lock is whole, and a wheel is built without the others
    }
  ) (lib.importJSON ./driver-wheels.json).${system};

  avvla = python.pkgs.buildPythonPackage {
    pname = "avvla";
    version = (lib.importTOML ../pyproject.toml).project.version;
    src = source;
    pyproject = true;
    build-system = [ python.pkgs.hatchling ];
    dependencies = wheels;
    dontCheckRuntimeDeps = true; # the canaries do without torch and lerobot
    doCheck = false;
  };

  driver = python.withPackages (_: [ avvla ] ++ wheels);

  shell =
    packages:
    pkgs.mkShell {
      inherit packages;
      env = {
        # Wheels that `make setup` installs look for these where other systems have them.
        LD_LIBRARY_PATH = lib.makeLibraryPath [
          pkgs.stdenv.cc.cc.lib
          pkgs.zlib
        ];
        UV_PYTHON_DOWNLOADS = "never";
      };
    };

  command = name: {
    type = "app";
    program = "${
      pkgs.writeShellApplication {
        name = "avvla-${name}";
        runtimeInputs = [
          pkgs.python312
          pkgs.uv
          pkgs.git
          pkgs.gnumake
        ];
        text = "exec make ${name} \"$@\"";
      }
    }/bin/avvla-${name}";
  };
in
rec {
  shells = {
    default = shell [
      pkgs.python312
      pkgs.uv
      pkgs.ffmpeg-headless
      pkgs.git
      pkgs.gnumake
      pkgs.dvc
      pkgs.hadolint
    ];
    driver = shell [
      driver
      pkgs.git
    ];
    sim = shell [
      pkgs.python312
      pkgs.uv
      pkgs.git
      pkgs.gnumake
      pkgs.docker-client
    ];
  };

  packages = {
    default = driver;
    driver-image = pkgs.dockerTools.streamLayeredImage {
      name = "avvla/driver";
      tag = "nix";
      contents = [ driver ];
      config = {
        User = "1000:1000";
        Env = [
          "HOME=/tmp"
          "PYTHONHASHSEED=0"
          "USER=avvla"
        ];
        ExposedPorts."6000/tcp" = { };
        Entrypoint = [ "${driver}/bin/avvla" ];
        Cmd = [
          "driver"
          "serve"
          "--policy"
          "route_follower"
          "--host"
          "0.0.0.0"
        ];
        Healthcheck = {
          Test = [
            "CMD"
            "${driver}/bin/avvla"
            "driver"
            "health"
          ];
          Interval = 10000000000; # ns
          Timeout = 10000000000;
          StartPeriod = 60000000000;
        };
      };
    };
  };

  apps = {
    repro = command "repro";
    test = command "test";
  };

  checks = {
    driver-starts = pkgs.runCommand "avvla-driver-starts" { } ''
      ${driver}/bin/avvla driver serve --help >$out
    '';
    dockerfiles = pkgs.runCommand "avvla-dockerfiles" { } ''
      ${pkgs.hadolint}/bin/hadolint ${source}/docker/*.Dockerfile
      touch $out
    '';
  };

  formatter = pkgs.nixfmt;
}
