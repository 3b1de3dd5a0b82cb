#!/bin/sh
# install-avvla LOCK ARCH: the environment /opt/avvla for another platform: the wheels of LOCK, each held
# to its hash, and the project's own wheel. Runs in the stage `tools` of common.Dockerfile.
set -eu
case $2 in
amd64) platform=x86_64-manylinux_2_40 ;;
arm64) platform=aarch64-manylinux_2_40 ;;
*)
	echo "install-avvla: no wheels for the architecture $2, expected amd64 or arm64" >&2
	exit 1
	;;
esac
uv venv --quiet --python /usr/bin/python3 /opt/avvla
# What comes as source only is pure Python; what builds it is held to a hash too.
uv pip install --quiet --python /opt/avvla --python-platform "$platform" --only-binary :all: \
	--no-binary antlr4-python3-runtime --no-binary docopt --build-constraint /src/requirements/build.lock \
	--require-hashes --requirement "$1"
# By pip, since uv leaves a file with the time of the installation.
pip --quiet --python /opt/avvla install --no-compile --no-deps --no-index --find-links /dist avvla
# The root is read-only where it runs, so bytecode that is not there now never will be.
python3 -W ignore -m compileall -q --invalidation-mode unchecked-hash /opt/avvla/lib
