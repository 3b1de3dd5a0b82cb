#!/usr/bin/env bash
# send.sh HOST IMAGE...: images to a host that reaches no registry, over ssh. What was sent before the
# connection broke is not sent again. Each image goes for HOST's own architecture, so that no other one
# can end up there. Needs Docker 28.1 or newer here, any on HOST.
set -euo pipefail
[ $# -ge 2 ] || {
	echo "usage: docker/send.sh HOST IMAGE..." >&2
	exit 2
}
fail() {
	echo "send: $*" >&2
	exit 1
}

host=$1
shift
machine=$(ssh "$host" uname -m) || fail "ssh $host failed: try \`ssh $host\` by hand"
case $machine in
x86_64) platform=linux/amd64 ;;
aarch64) platform=linux/arm64 ;;
*) fail "$host is a $machine, expected x86_64 or aarch64" ;;
esac
ssh "$host" docker version >/dev/null 2>&1 ||
	fail "no Docker engine answers on $host: install it there, and let this user use it"

kept=${XDG_CACHE_HOME:-$HOME/.cache}/avvla/send
mkdir -p "$kept"
for image; do
	id=$(docker image inspect --platform "$platform" --format '{{.Id}}' "$image" 2>/dev/null) ||
		fail "$image is not here for $platform, which $host needs: build it with \`make images\`"
	# Kept until it has arrived: another `docker save` need not give the same bytes to go on with.
	file=$kept/${id#sha256:}-${platform#linux/}.tar
	[ -e "$file" ] || {
		docker save --platform "$platform" --output "$file.part" "$image" ||
			fail "\`docker save $image\` failed, see above"
		mv "$file.part" "$file"
	}
	size=$(wc -c <"$file")
	sum=$(sha256sum <"$file")
	there=avvla-images/${sum%% *}.tar
	# shellcheck disable=SC2029  # the name is known on this side
	begun=$(ssh "$host" "mkdir -p avvla-images && touch $there && wc -c <$there") ||
		fail "avvla-images cannot be written in the home of $host"
	[ "$begun" -eq 0 ] || echo "send: $image goes on at byte $begun of $size"
	# shellcheck disable=SC2029
	tail --bytes "+$((begun + 1))" "$file" | ssh "$host" "cat >>$there" ||
		fail "the connection to $host broke, or its disk is full: run the same command to go on"
	# shellcheck disable=SC2029
	ssh "$host" "echo '${sum%% *}  $there' | sha256sum --check --status || { rm $there; exit 1; }" ||
		fail "$image arrived damaged and was removed: run the same command again"
	# shellcheck disable=SC2029
	ssh "$host" "docker load --quiet <$there && rm $there" || fail "\`docker load\` failed on $host"
	rm "$file"
	echo "send: $image for $platform is on $host, $size bytes"
done
