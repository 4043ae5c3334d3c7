#!/bin/sh
# Puts each fault of this folder back into a copy of the tree, one at a time, and
# lives seeds until one fails. Ends with 1 when there is a fault that none finds.
# With arguments, only the faults whose names begin with one of them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
seeds=${SEEDS:-2000}
copy=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$copy/faults-$$" 2>/dev/null; rm -rf "$copy"' EXIT INT TERM
git -C "$root" worktree add --quiet --detach "$copy/faults-$$" HEAD || exit 1
bad=0
for patch in "$here"/*.patch; do
	[ -e "$patch" ] || continue
	name=$(basename "$patch" .patch)
	if [ $# -gt 0 ]; then
		wanted=
		for prefix in "$@"; do case $name in "$prefix"*) wanted=yes ;; esac; done
		[ "$wanted" ] || continue
	fi
	git -C "$copy/faults-$$" checkout --quiet --force HEAD && git -C "$copy/faults-$$" clean -qfd
	if ! git -C "$copy/faults-$$" apply "$patch"; then
		echo "$name: the patch does not apply any more: make it anew from its mend"
		bad=1
		continue
	fi
	if ! (cd "$copy/faults-$$" && go vet -tags disable_grpc_modules ./app/sim) >"$copy/out" 2>&1; then
		echo "$name: with the patch usher does not build:" && head -5 "$copy/out"
		bad=1
		continue
	fi
	if (cd "$copy/faults-$$" && USHER_SIM_SEEDS=$seeds USHER_SIM_STOP=1 go test -tags disable_grpc_modules -run 'TestSeeds$' -timeout 3h -v ./app/sim) >"$copy/out" 2>&1; then
		echo "$name: NOT FOUND in $seeds seeds"
		bad=1
	else
		echo "$name: $(grep -m1 '^seed ' "$copy/out" || tail -1 "$copy/out")"
	fi
done
exit $bad
