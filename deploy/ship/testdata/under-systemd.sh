#!/bin/bash
# Tries the package under the systemd of this system. Of each thing that it tries it says
# whether it holds: "ok ..." or "FAILED ...". The test beside it boots a system with it.
exec >/try.log 2>&1
export DEBIAN_FRONTEND=noninteractive
trap 'journalctl --no-pager >/try.journal' EXIT

try() { # what shall hold, and a command
	local what=$1
	shift
	if "$@"; then echo "ok $what"; else echo "FAILED $what: $*"; fi
}
show() { systemctl show "$1" -p "$2" --value; }
is() { [ "$1" = "$2" ] || { echo "got $1, want $2"; false; }; }
has() { case $1 in *"$2"*) ;; *) echo "got $1, want $2 in it" && false ;; esac; }
within() { # seconds, then a command
	local end=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null; do
		[ $SECONDS -lt $end ] || { "$@"; return 1; }
		sleep 0.5
	done
}
status_is() { has "$(show "$1" StatusText)" "$2"; }
state() { is "$(show "$1" ActiveState)" "$2"; }
taken() { [ -n "$(find /var/lib/usher/archive -name "*$1")" ]; }
new_process() { # unit, the pid that was
	state "$1" active && [ "$(show "$1" MainPID)" != "$2" ]
}

dpkg -i /older.deb
try "the first install starts nothing" state usher.service inactive

systemctl start usher@watch
try "a role without its key does not start" state usher@watch inactive
umask 077
head -c 32 /dev/urandom | base64 >/etc/usher/keys/id.key
head -c 32 /dev/urandom | base64 >/etc/usher/keys/payload.key
umask 022
echo "nats-url: nats://127.0.0.1:4333" >>/etc/usher/usher.yaml

systemctl start --no-block usher@watch usher@console
sleep 100 # more than TimeoutStartSec
try "a role waits for NATS longer than a start may last" state usher@watch activating
try "and says so" status_is usher@watch "nats: waiting"
mkdir /var/nats
/nats-server -js -sd /var/nats -p 4333 -a 127.0.0.1 >/nats.log 2>&1 &
sleep 2
USHER_NATS_URL=nats://127.0.0.1:4333 usher setup --max-store 500MB --id-key-file /etc/usher/keys/id.key
try "with NATS it is ready" within 180 state usher@watch active
try "so is the console" within 180 state usher@console active
try "its status says how it stands" within 90 status_is usher@watch ok

watch=$(show usher@watch MainPID)
console=$(show usher@console MainPID)
try "the watch role has CAP_LEASE and nothing else" grep -q "CapEff:.0000000010000000" "/proc/$watch/status"
try "the console has no capability" grep -q "CapEff:.0000000000000000" "/proc/$console/status"
try "nothing runs as root" is "$(stat -c %U "/proc/$watch")" usher
try "system calls are filtered" grep -q "Seccomp:.2" "/proc/$watch/status"
try "the watch role gets the id key" test -e /run/credentials/usher@watch.service/id.key
try "and not the other one" test ! -e /run/credentials/usher@watch.service/payload.key
try "the account cannot read the keys in /etc" bash -c '! setpriv --reuid=usher --regid=usher --clear-groups cat /etc/usher/keys/id.key'

# A file of another owner: without the capability usher says in its log that it must wait
# until such files are quiet.
printf 'user_id,email\nu-1,ann@example.org\n' >/var/lib/usher/inbox/people.csv
chown daemon:usher-inbox /var/lib/usher/inbox/people.csv
chmod 640 /var/lib/usher/inbox/people.csv
try "a file of another owner is taken" within 90 taken people.csv
try "by a lease" bash -c '! journalctl --no-pager -u usher@watch | grep -q lease'

echo "# ours" >>/etc/usher/usher.yaml
dpkg -i /newer.deb
try "an upgrade keeps our settings" grep -q "# ours" /etc/usher/usher.yaml
try "and starts anew what runs" within 180 new_process usher@watch "$watch"
try "and nothing else" state usher@bridge inactive

watch=$(show usher@watch MainPID)
kill -STOP "$watch"
try "a process that is frozen is ended and comes back" within 240 new_process usher@watch "$watch"
try "by the watchdog" bash -c 'journalctl --no-pager -u usher@watch | grep -q "Watchdog timeout"'
watch=$(show usher@watch MainPID)
[ "$watch" -gt 1 ] && kill -KILL "$watch"
try "one that is killed comes back" within 180 new_process usher@watch "$watch"

kill %1 # NATS
sleep 45 # more than WatchdogSec
try "without NATS the role runs on" state usher@watch active
try "and says what is away" status_is usher@watch "nats: failed"
systemctl stop usher@watch usher@console
try "a stop is clean" is "$(show usher@watch Result)" success

sed -i /nats-url/d /etc/usher/usher.yaml
echo "log-level: loud" >>/etc/usher/usher.yaml
systemctl start usher@watch
try "a setting that makes no sense is not tried for ever" within 240 state usher@watch failed
sed -i /loud/d /etc/usher/usher.yaml

# The binary without servers has no `usher up`.
if [ "$(stat -c %s /usr/bin/usher)" -gt 80000000 ]; then
	systemctl start usher
	try "everything in one process is ready when its start returns" state usher active
	try "its listener answers" curl -sf -o /dev/null http://127.0.0.1:9464/readyz
	try "its keys are its own" is "$(stat -c '%U %a' /var/lib/usher/payload.key)" "usher 600"
	printf 'user_id,email\nu-2,ben@example.org\n' >/var/lib/usher/inbox/more.csv
	try "it takes a file" within 90 taken more.csv
	try "and a canary is welcomed" usher canary --data /var/lib/usher
	systemctl stop usher
	try "its stop is clean" is "$(show usher Result)" success
fi

systemctl reset-failed
systemctl start --no-block usher@watch
try "a role runs" within 60 pgrep -u usher usher
dpkg -r usher
try "a removal stops what runs" bash -c '! pgrep -u usher usher'
echo
echo "the end"
