# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# update_stats: many interfaces, and many who read, write and take away at the same time.
# timeout: 1800
# cpus: 2

modprobe -a dummy veth
# Of one that failed before.
for name in d0 d1 e0; do ip link del $name 2>/dev/null || true; done
none() { [[ -z $(<"$orders") ]]; }

claim "a batch is seen whole or not at all, by every reader"
ip link add d0 type dummy
on d0
python3 - <<'END'
import os, socket, struct, time

FIELDS = sorted(os.listdir("/sys/class/net/d0/statistics"))
FIELDS = [name for name in FIELDS if name != "rx_nohandler"]
assert len(FIELDS) == 23
path = "/sys/kernel/d0/statistics/all"
stop = "/run/stop"
if os.path.exists(stop):
    os.unlink(stop)

def batch(number):
    return "".join(f"{name} {number}\n" for name in FIELDS).encode()

def writer(first):
    # Numbers of all lengths, up and down.
    with open(path, "wb", buffering=0) as file:
        number = first
        while not os.path.exists(stop):
            file.write(batch(number))
            number = (number * 6364136223846793005 + 1442695040888963407) % 2**40

def numbers_all():
    return {int(line.split()[1]) for line in open(path)}

def numbers_proc():
    line = next(line for line in open("/proc/net/dev") if line.strip().startswith("d0:"))
    words = [int(word) for word in line.split(":")[1].split()]
    # Sums of two and of four; of the rest each is one value.
    return {words[0], words[1], words[2], words[3] // 2, words[4], words[5] // 4, words[6], words[7],
        words[8], words[9], words[10], words[11], words[12], words[13], words[14] // 4, words[15]}

def numbers_netlink():
    # RTM_GETLINK of one interface; IFLA_STATS64 begins with the 23.
    netlink.send(struct.pack("=IHHIIBxHiII", 32, 18, 1, 0, 0, 0, 0, index, 0, 0))
    message = netlink.recv(1 << 16)
    at = 32
    while at < len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == 23:
            return set(struct.unpack_from("=23Q", message, at + 4))
        at += length + 3 & ~3

index = socket.if_nametoindex("d0")
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
open(path, "wb", buffering=0).write(batch(1))
writers = []
for first in (2, 3):
    pid = os.fork()
    if not pid:
        writer(first)
        os._exit(0)
    writers.append(pid)
bad, seen = [], set()
for look, seconds in ((numbers_all, 6), (numbers_proc, 6), (numbers_netlink, 6)):
    end = time.time() + seconds
    reads = 0
    while time.time() < end:
        numbers = look()
        seen |= numbers
        reads += 1
        if len(numbers) != 1:
            bad.append((look.__name__, numbers))
    print(look.__name__, reads, "reads")
open(stop, "w")
for pid in writers:
    assert os.waitpid(pid, 0)[1] == 0
print(len(seen), "batches seen,", len(bad), "torn", bad[:3])
assert len(seen) > 20 and not bad
END
off d0
ip link del d0

claim "1000 interfaces are on at once, each with its own values, in a list that is longer than a page"
python3 - <<'END'
import json, subprocess, time
names = [f"port{n:04}" for n in range(1000)]
def ip(words):
    subprocess.run(["ip", "-batch", "-"], input="".join(words).encode(), check=True)
def shown():
    out = subprocess.run(["ip", "-j", "-s", "link"], capture_output=True, check=True).stdout
    return {link["ifname"]: link["stats64"]["rx"]["bytes"] for link in json.loads(out)}
ip(f"link add {name} group 7 type dummy\n" for name in names)
began = time.time()
for name in names:
    open("/sys/kernel/update_stats/update_stats", "w").write(name)
print(f"on: {time.time() - began:.2f} s")
began = time.time()
for n, name in enumerate(names):
    open(f"/sys/kernel/{name}/statistics/all", "w").write(f"rx_bytes {n + 1}\n")
print(f"written: {time.time() - began:.2f} s")
numbers = shown()
assert all(numbers[name] == n + 1 for n, name in enumerate(names))
for size in (1, 7, 100, 4096, 1 << 20):
    with open("/sys/kernel/update_stats/update_stats", "rb", buffering=0) as file:
        text = b"".join(iter(lambda: file.read(size), b""))
    assert text.decode().split() == names, size
began = time.time()
for name in names[::2]:
    open("/sys/kernel/update_stats/update_stats", "w").write(f"-{name}\n")
print(f"500 off: {time.time() - began:.2f} s")
numbers = shown()
assert all(numbers[name] == (n + 1) * (n % 2) for n, name in enumerate(names))
began = time.time()
subprocess.run(["ip", "link", "del", "group", "7"], check=True)
print(f"1000 gone, 500 of them on: {time.time() - began:.2f} s")
END
none

claim "a device can be renamed, moved and removed while its files are being written and read"
quiet_ns c
rm -f /run/stop
for what in 'echo 1 >/sys/kernel/d0/statistics/rx_bytes' 'echo "rx_bytes 2" >/sys/kernel/d1/statistics/all' \
	'cat /sys/kernel/d?/statistics/*' 'cat /proc/net/dev' 'ip -s link' 'echo d0 >/sys/kernel/update_stats/update_stats' \
	'echo d1 >/sys/kernel/update_stats/update_stats; cat /sys/kernel/update_stats/update_stats'; do
	bash -c "while [[ ! -e /run/stop ]]; do { $what; } >/dev/null 2>&1; done" &
done
for _ in {1..25}; do
	ip link add d0 type dummy
	sleep 0.02
	ip link set d0 name d1
	sleep 0.02
	ip link set d1 name d0
	ip link set d0 name d1
	sleep 0.01
	ip link set d1 netns c
	ip -n c link del d1
done
touch /run/stop
wait
none
! ls -d /sys/kernel/d0 /sys/kernel/d1 || false

claim "unloading under reading load gives the devices their own numbers back, again and again"
ip link add d0 type dummy
ip link add d1 type dummy
rm -f /run/stop
for what in 'cat /proc/net/dev' 'cat /proc/net/dev' 'ip -s link' 'cat /sys/class/net/*/statistics/*' 'cat /sys/kernel/d?/statistics/*'; do
	bash -c "while [[ ! -e /run/stop ]]; do { $what; } >/dev/null 2>&1; done" &
done
for _ in {1..6}; do
	on d0
	on d1
	echo 1000000 >"$(stat_file d0 rx_bytes)"
	echo 1000000 >"$(stat_file d1 rx_bytes)"
	[[ $(shown d0 rx_bytes) == 1000000 ]]
	rmmod xt_pktstat
	[[ "$(shown d0 rx_bytes) $(shown d1 rx_bytes)" == "0 0" ]]
	[[ ! -e /sys/kernel/d0 && ! -e /sys/kernel/update_stats ]]
	! grep '^dev_get_stats ' /sys/kernel/tracing/enabled_functions || false
	modprobe xt_pktstat
done
touch /run/stop
wait
ip link del d0
ip link del d1
