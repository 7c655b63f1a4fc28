# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Who may read and write the files of kstat and update_stats, which are one for all namespaces.
# timeout: 300

quiet_ns n1
ip link add d0 type dummy
on d0
echo 1 >"$enabled"
udp 127.0.0.1 3 100 >/dev/null
files=("$enabled" "$counter" "$nout" "$orders" "$(stat_file d0 rx_bytes)" "$(stat_file d0 all)")

# attempts COMMAND...: run by it: for each of the files, what comes of reading and of writing it.
cat >attempts.py <<'END'
import errno, os, sys
texts = {"enabled": "0", "counter": "9", "nout": "/", "update_stats": "-d0", "rx_bytes": "9", "all": "rx_bytes 9\n"}
def outcome(flags, act):
    try:
        fd = os.open(path, flags)
        act(fd)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
for path in sys.argv[1:]:
    name = path.rsplit("/")[-1]
    print(name, outcome(os.O_RDONLY, lambda fd: os.read(fd, 100)),
        outcome(os.O_WRONLY, lambda fd: os.write(fd, texts[name].encode())))
END
chmod 755 .
chmod 644 attempts.py
attempts() { "$@" python3 "$PWD/attempts.py" "${files[@]}" | tee /dev/fd/7; }
# all_are READING WRITING: what `attempts` says if it is the same for each file.
all_are() { printf '%s\n' enabled counter nout update_stats rx_bytes all | sed "s/$/ $1 $2/"; }
state() { cat "${files[@]}"; }
before=$(state)

no_capability=(setpriv --bounding-set=-all --inh-caps=-all)
container=(unshare --pid --net --mount --fork --mount-proc "${no_capability[@]}")
user=(setpriv --reuid 1000 --regid 1000 --clear-groups)

claim "root of a container without capabilities neither reads nor writes"
[[ $(attempts "${container[@]}") == "$(all_are EPERM EPERM)" ]]

claim "nor does root of a user namespace with a network namespace of its own"
[[ $(attempts unshare -Urn) == "$(all_are EPERM EPERM)" ]]
[[ $(attempts unshare --user --map-root-user --pid --net --mount --fork --mount-proc) == "$(all_are EPERM EPERM)" ]]
[[ $(attempts "${user[@]}" unshare -Urn | grep -cE ' (EPERM|EACCES) (EPERM|EACCES)$') == 6 ]]

claim "nor does a process in another network namespace without the capability; with it, it does both"
[[ $(attempts in_ns n1 "${no_capability[@]}") == "$(all_are EPERM EPERM)" ]]
in_ns n1 cat "${files[@]}" >/dev/null
[[ $(in_ns n1 cat "${files[@]}") == "$before" ]]
in_ns n1 bash -c "echo 1 >$counter && echo 1 >$enabled && echo 0 >$(stat_file d0 rx_bytes)"

claim "root of the machine without the capability reads and does not write"
[[ $(attempts "${no_capability[@]}") == "$(all_are ok EPERM)" ]]
[[ $(attempts unshare -Ur) == "$(all_are ok EPERM)" ]]
[[ $(state) == "$before" ]]

claim "a user reads what is not of flows, and writes nothing"
[[ $(attempts "${user[@]}") == "$(all_are ok EACCES | sed 's/nout ok/nout EACCES/')" ]]

claim "a member of the group reads flows and counters: an exporter needs no privilege"
off d0
wait_until 'rmmod xt_pktstat 2>/dev/null'
modprobe xt_pktstat gid=1001 perms=0440
on d0
echo 1 >"$enabled"
udp 127.0.0.1 3 100 >/dev/null
member=(setpriv --reuid 1000 --regid 1000 --groups 1001)
[[ $(attempts "${member[@]}") == "$(all_are ok EACCES)" ]]
[[ $("${member[@]}" cat "$nout") == *'udp 127.0.0.1 127.0.0.1 lo 3 '* ]]
iptables-legacy -A OUTPUT -p udp -m pktstat --period 1 --samples 100 --name out
udp 127.0.0.1 3 100 >/dev/null
frames_read() {
	"${member[@]}" cat /proc/net/xt_pktstat/out/data >>data
	awk '!/^#/ { frames += $2 } END { print +frames }' data
}
wait_until '[[ $(frames_read) == 3 ]]'
iptables-legacy -F OUTPUT

off d0
ip link del d0
wait_until 'rmmod xt_pktstat 2>/dev/null'
modprobe xt_pktstat
