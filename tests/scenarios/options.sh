# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What iptables takes and what it refuses.
# variants: legacy4 nft6
# timeout: 400

quiet_ns n1

# bad OPTION WORD...: refused with status 2, in a first line that names the option.
bad() {
	refused 2 "*$1*" n1 "$ipt" -A INPUT -m pktstat "${@:2}"
}

claim "a missing option is refused"
bad --samples --period 100
bad --period --samples 20
bad --period

claim "a period that is not one is refused"
for value in 0 -1 +1 '' ' ' x 1x 1h 1m 0x10 1e3 1,5 1.2.3 '1 ms' '100 ' \
	0s 999ns 0.5us 0.0009 1.5ns 1000.5ns 3601s 3600.000000001s 3600001 \
	18446744073709551616 18446744073709551717ns 99999999999999999999999999s; do
	bad --period --period "$value" --samples 20
done

claim "samples that are none are refused"
for value in 0 -1 '' x 1x 1.5 0x10 1048577 4294967297 18446744073709551617; do
	bad --samples --period 100 --samples "$value"
done

claim "a name that is none is refused"
for value in '' 1a .a -a _a 'a b' a/b .. 'a!' 'ä' a$'\n'b abcdefghijklmnopqrstuvwxyzabcdef; do
	bad --name --period 100 --samples 20 --name "$value"
done

claim "a number that is none is refused"
for value in -1 65536 '' x 1x 1.5 4294967295 4294967296; do
	bad --id --period 100 --samples 20 --id "$value"
done

claim "an option twice is refused"
bad --period --period 100 --samples 20 --period 100
bad --samples --period 100 --samples 20 --samples 20
bad --name --period 100 --samples 20 --name a --name a
bad --id --period 100 --samples 20 --id 1 --id 1
bad --wire --period 100 --samples 20 --wire --wire

claim "a name and a number together are refused"
bad --id --period 100 --samples 20 --name a --id 1
bad --id --period 100 --samples 20 --id 1 --name a

claim "an inverted option is refused"
bad --period ! --period 100 --samples 20
bad --samples --period 100 ! --samples 20
bad --name --period 100 --samples 20 ! --name a
bad --id --period 100 --samples 20 ! --id 1
bad --wire --period 100 --samples 20 ! --wire

claim "an unknown option is refused"
refused 2 "*--colour*" n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --colour red

claim "what was refused left nothing behind"
[[ $(n1 "$ipt" -S INPUT | grep -c pktstat) == 0 ]]
[[ -z $(in_ns n1 ls /proc/net/xt_pktstat 2>/dev/null) ]]

claim "help tells each option"
help=$(n1 "$ipt" -m pktstat -h)
for option in --period --samples --name --id --wire; do [[ $help == *"  $option"* ]]; done

# good SAVED WORD...: accepted, and saved like this.
good() {
	n1 "$ipt" -A INPUT -m pktstat "${@:2}"
	[[ $(n1 "$ipt" -S INPUT 1) == *"-A INPUT -m pktstat $1" ]] || {
		n1 "$ipt" -S INPUT
		return 1
	}
	n1 "$ipt" -D INPUT 1
}

claim "a period is a number and a unit, milliseconds without one"
good "--period 100 --samples 20 --id 0" --period 100 --samples 20
good "--period 250us --samples 20 --id 0" --period 0.25 --samples 20
good "--period 250us --samples 20 --id 0" --period 250us --samples 20
good "--period 100 --samples 20 --id 0" --period 0.1s --samples 20
good "--period 1500us --samples 20 --id 0" --period 1.5ms --samples 20
good "--period 1234567ns --samples 20 --id 0" --period 1.234567 --samples 20

claim "the bounds themselves are accepted"
good "--period 1us --samples 20 --id 0" --period 1000ns --samples 20
good "--period 3600000 --samples 20 --id 0" --period 3600s --samples 20
good "--period 100 --samples 1 --id 0" --period 100 --samples 1
good "--period 100 --samples 1048576 --id 0" --period 100 --samples 1048576
good "--period 100 --samples 20 --id 65535" --period 100 --samples 20 --id 65535
good "--period 100 --samples 20 --id 0" --period 100 --samples 20 --id 0
good "--period 100 --samples 20 --name a" --period 100 --samples 20 --name a
good "--period 100 --samples 20 --name Zyxwvutsrqponmlkjihgfedcba.9-_8" \
	--period 100 --samples 20 --name Zyxwvutsrqponmlkjihgfedcba.9-_8

claim "--wire is kept"
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --wire
[[ $(n1 "$ipt" -S INPUT 1) == *" --wire"* ]]
[[ $(status_key 0 wire) == 1 ]]

claim "options may stand before the chain, as in the README"
n1 "$ipt" -m pktstat --period 100 --samples 20 -A INPUT
exists 1
