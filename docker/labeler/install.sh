#!/usr/bin/env bash
# install.sh FOLDER: the environment of label.py in FOLDER/venv, Alpamayo's code in FOLDER/src.
# Needs uv, git and Python 3.12. Every package is held to a hash of requirements.lock, those that a
# build asks for too; the code is held to a commit, which is the hash of what it contains.
set -euo pipefail
target=${1:?install.sh FOLDER: where to put the environment}
here=$(cd "$(dirname "$0")" && pwd)

checkout() { # NAME ADDRESS COMMIT
	git init --quiet "$target/src/$1"
	git -C "$target/src/$1" fetch --quiet --depth 1 "$2" "$3"
	git -C "$target/src/$1" checkout --quiet --force "$3"
}

uv venv --quiet --clear --python 3.12 "$target/venv"
uv pip install --quiet --python "$target/venv" --require-hashes \
	--build-constraint "$here/requirements.lock" -r "$here/requirements.lock"

checkout alpamayo https://github.com/NVlabs/alpamayo.git 1cba38cabffb4b4416dbdd312c868e21ccd57394
checkout alpamayo1.5 https://github.com/NVlabs/alpamayo1.5.git f42e594aaf8b50dcd2cbb359d62e3ffc7b12fcf8
target=$(cd "$target" && pwd)
printf '%s\n' "$target/src/alpamayo/src" "$target/src/alpamayo1.5/src" \
	>"$("$target/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/alpamayo.pth"
