# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What a counter and a namespace may take, and how a refusal sounds.
# variants: legacy4 nft4
# timeout: 300

quiet_ns n1
limits=/sys/module/xt_pktstat/parameters
trap 'echo 64 >$limits/max_memory; echo 1024 >$limits/max_counters' RETURN

# over LIMIT WORD...: refused, and the kernel's log names the limit.
over() { refused_and_logged "xt_pktstat.*$1" "$status" '*' n1 "$ipt" -A INPUT -m pktstat "${@:2}"; }
status=1
[[ $backend == legacy ]] || status=4

claim "the limits are as promised when the module is loaded"
[[ $(<$limits/max_memory) == 64 && $(<$limits/max_counters) == 1024 ]]

claim "a counter beyond max_memory is refused, and the log names the limit"
echo 1 >$limits/max_memory
over max_memory --period 100 --samples 1048576
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name small
((1048576 > $(status_key small memory)))

claim "a counter within it is made, and never takes more than that"
echo 64 >$limits/max_memory
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 1048576 --name large
((64 << 20 >= $(status_key large memory)))
n1 "$ipt" -D INPUT 2
gone large

claim "a counter beyond max_counters is refused, and the log names the limit"
echo 3 >$limits/max_counters
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20
over max_counters --period 100 --samples 20
over max_counters --period 100 --samples 20 --name fourth
gone fourth

claim "rules that share a counter do not count twice"
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name small

claim "each namespace has its own share"
quiet_ns n2
n2 "$ipt" -A INPUT -m pktstat --period 100 --samples 20

claim "what is deleted no longer counts"
n1 "$ipt" -D INPUT -m pktstat --period 100 --samples 20 --id 0
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name fourth
exists fourth
echo 1024 >$limits/max_counters

claim "memory is charged to the cgroup of whoever adds the rule"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/poor
echo 8M >/sys/fs/cgroup/poor/memory.max
before=$(</sys/fs/cgroup/poor/memory.current)
in_ns n1 bash -c 'echo $$ >/sys/fs/cgroup/poor/cgroup.procs
	exec "$@"' - "$ipt" -A INPUT -m pktstat --period 100 --samples 50000 --name charged
(($(</sys/fs/cgroup/poor/memory.current) - before >= $(status_key charged memory) * 9 / 10))
n1 "$ipt" -F INPUT
wait_until '(($(</sys/fs/cgroup/poor/memory.current) < 1000000))'
rmdir /sys/fs/cgroup/poor
