# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016 # tests/lib.sh evaluates
# The rules of examples/bursts.md, as they are there: each counts what it says, or acts on bursts.
# variants: legacy4 nft4 nft6
# timeout: 300
# files: examples/bursts.md

topology 3
# A super-packet of so many bytes, counted at once, is a burst: more than 5 Gbit/s for 100 us.
burst=64000
offload on

# recipe NAMESPACE WORDS [FROM TO]...: the line of the document with these words is typed there, for
# this variant's iptables, with other devices.
typed=0
recipe() {
	local ns=$1 words=$2 line
	shift 2
	line=$(grep -F -e "$words" /t/bursts.md)
	[[ $line == '    '* && $line != *$'\n'* ]]
	line=${line#    }
	while (($#)); do
		line=${line//$1/$2}
		shift 2
	done
	pp "$ns" bash -c "${line/#iptables /$ipt }"
	typed=$((typed + 1))
}
# calm_then_burst NAMESPACE ADDRESS COUNTER: a small packet, and one that is a burst, in windows of
# their own: a window is over when the next packet is counted. `matched_frames` is then 1.
calm_then_burst() {
	in_ns "$1" udp -p 7 "$2" 1 100 >/dev/null
	wait_until "[[ \$(totals $3) == '1 '* ]]"
	[[ $(status_key "$3" matched_frames) == 0 ]]
	sleep 0.2
	in_ns "$1" udp -p 7 -g 1000 "$2" 1 $burst >/dev/null
	wait_until "[[ \$(totals $3) == '2 '* ]]"
	[[ $(status_key "$3" matched_frames) == 1 ]]
}
# All but the rule that is tried is out of the way.
flush() {
	local table
	for table in filter mangle; do in_ns n1 "$ipt" -t $table -F; done
}
# What is counted is what is sent here: no ICMP tells that nobody listens, and no MLD who is there.
for ns in n0 n1 n2; do
	if ((family == 4)); then
		in_ns $ns "$ipt" -t raw -A OUTPUT -p icmp --icmp-type port-unreachable -j DROP
	else
		in_ns $ns "$ipt" -t raw -A OUTPUT -p icmpv6 --icmpv6-type port-unreachable -j DROP
		in_ns $ns "$ipt" -t raw -A OUTPUT -p icmpv6 --icmpv6-type 143 -j DROP
	fi
done
ns=n1

claim "the packets of bursts are captured, and no others"
recipe n1 '-j NFLOG'
n1 "$ipt" -A INPUT -p udp -j DROP
calm_then_burst n0 "$addr1" in
[[ $(counters INPUT 1) == "1 $((burst + header))" ]]
flush

claim "they are marked, and tc takes them by it"
recipe n1 '-j MARK' eth0 v12
recipe n1 'tc qdisc' eth0 v12
recipe n1 'tc filter' eth0 v12
calm_then_burst n1 "$addr2" out
[[ $(counters -t mangle POSTROUTING 1) == "1 $((burst + header))" ]]
# And not the packet before it.
in_ns n1 tc -s class show dev v12 | tee classes
band() { awk -v class="1:$1" '$1 == "class" { now = $3 } $1 == "Sent" && now == class { print $2 }' classes; }
(($(band 3) > burst && $(band 1) + $(band 2) < 1000))
in_ns n1 tc qdisc del dev v12 root
flush

claim "a burst is a line of the log, and more in the same second are none"
in_ns n1 sysctl -qw net.netfilter.nf_log_all_netns=1 2>/dev/null || sysctl -qw net.netfilter.nf_log_all_netns=1
recipe n1 '-j LOG'
log_mark
calm_then_burst n0 "$addr1" log
wait_until 'logged "burst: .*DPT=7"'
[[ $(counters INPUT 1) == "1 $((burst + header))" ]]
in_ns n0 udp -p 7 -g 1000 "$addr1" 5 $burst >/dev/null
wait_until '[[ $(status_key log matched_frames) == 6 ]]'
read -r logged _ < <(counters INPUT 1)
((logged < 6))
flush

claim "what met congestion is counted, and nothing else"
recipe n1 '-m ecn'
n0 ping -c 2 -W 1 -Q 0 "$addr1" || true
n0 ping -c 3 -W 1 -Q 3 "$addr1" || true
n0 ping -c 4 -W 1 -Q 2 "$addr1" || true
[[ $(totals ce) == '3 '* && $(counters INPUT 1) == '3 '* ]]
flush

claim "a pod is what its veth gets and sends"
recipe n1 '-o veth1' veth1 v12
recipe n1 '-i veth1' veth1 v12
n0 udp "$addr2" 20 100
in_ns n2 udp "$addr0" 30 200
wait_until "[[ \$(totals pod-in) == '20 $((20 * (100 + header)))' ]]"
wait_until "[[ \$(totals pod-out) == '30 $((30 * (200 + header)))' ]]"
flush

claim "a service is what its control group sends"
group=/sys/fs/cgroup/system.slice/nginx.service
mkdir -p $group
recipe n1 '-m cgroup'
n1 udp "$addr0" 10 100
in_ns n1 bash -c "echo \$\$ >$group/cgroup.procs; exec udp $addr0 25 100"
[[ $(totals nginx) == "25 $((25 * (100 + header)))" ]]
flush
rmdir $group

claim "an eBPF program selects"
[[ $(stat -fc %T /sys/fs/bpf) == bpf_fs ]] || mount -t bpf bpf /sys/fs/bpf
# What is more than 150 bytes long: r0 = *(u32 *)(r1 + 0) (len); if r0 > 150 goto +1; r0 = 0; exit.
python3 - <<-'END'
	import ctypes, os, struct
	code = b"".join(struct.pack("<BBhi", *one) for one in (
	    (0x61, 0x10, 0, 0), (0x25, 0x00, 1, 150), (0xb7, 0x00, 0, 0), (0x95, 0, 0, 0)))
	libc, call = ctypes.CDLL(None, use_errno=True), 321 if os.uname().machine == "x86_64" else 280
	code, license, path = (ctypes.create_string_buffer(of) for of in (code, b"GPL", b"/sys/fs/bpf/mine"))
	def bpf(command, *attributes):
	    got = libc.syscall(call, command, b"".join(attributes).ljust(128, b"\0"), 128)
	    if got < 0:
	        raise OSError(ctypes.get_errno(), f"bpf({command})")
	    return got
	# BPF_PROG_LOAD of BPF_PROG_TYPE_SOCKET_FILTER, then BPF_OBJ_PIN.
	program = bpf(5, struct.pack("<IIQQ", 1, 4, ctypes.addressof(code), ctypes.addressof(license)))
	bpf(6, struct.pack("<QI", ctypes.addressof(path), program))
END
recipe n1 '-m bpf'
n1 "$ipt" -A INPUT -p udp -j DROP
n0 udp "$addr1" 12 20
n0 udp "$addr1" 15 500
wait_until "[[ \$(totals mine) == '15 $((15 * (500 + header)))' ]]"
flush
rm /sys/fs/bpf/mine

claim "no rule of the document was left out"
[[ $typed == $(grep -Ec '^    (iptables|tc) ' /t/bursts.md) ]]
