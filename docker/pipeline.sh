#!/bin/sh
# The entry of the pipeline's container: names a volume that cannot work, then hands over to DVC.
set -eu
for folder in /project /project/.dvc/cache "$AVVLA_DATA" "$AVVLA_WORK"; do
	[ -w "$folder" ] || {
		echo "pipeline: $folder cannot be written by uid $(id -u), gid $(id -g): set AVVLA_UID and AVVLA_GID to its owner" >&2
		exit 1
	}
done
[ -e /project/dvc.yaml ] || {
	echo "pipeline: /project holds no dvc.yaml: set AVVLA_PROJECT to a checkout of the project" >&2
	exit 1
}
exec dvc "$@"
