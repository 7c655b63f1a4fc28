# SPDX-License-Identifier: GPL-2.0-or-later
# Runs with upstream's iptables-test.py, in its fast mode too, where all good rules are loaded
# at once: so each of them has a counter of its own, and just one leaves its number open.
:INPUT
-m pktstat --period 100 --samples 20;-m pktstat --period 100 --samples 20 --id 0;OK
:INPUT,FORWARD,OUTPUT
# How a period may be written, and how it is saved.
-m pktstat --period 100 --samples 20 --id 100;=;OK
-m pktstat --period 100ms --samples 20 --id 101;-m pktstat --period 100 --samples 20 --id 101;OK
-m pktstat --period 0.1s --samples 20 --id 102;-m pktstat --period 100 --samples 20 --id 102;OK
-m pktstat --period 1s --samples 20 --id 103;-m pktstat --period 1000 --samples 20 --id 103;OK
-m pktstat --period 250us --samples 20 --id 104;=;OK
-m pktstat --period 0.25 --samples 20 --id 105;-m pktstat --period 250us --samples 20 --id 105;OK
-m pktstat --period 1.5us --samples 20 --id 106;-m pktstat --period 1500ns --samples 20 --id 106;OK
-m pktstat --period 1us --samples 20 --id 107;=;OK
-m pktstat --period 1000ns --samples 20 --id 108;-m pktstat --period 1us --samples 20 --id 108;OK
-m pktstat --period 1000001ns --samples 20 --id 109;=;OK
-m pktstat --period 3600000 --samples 20 --id 110;=;OK
-m pktstat --period 3600s --samples 20 --id 111;-m pktstat --period 3600000 --samples 20 --id 111;OK
-m pktstat --period 0;;FAIL
-m pktstat --period 0 --samples 20;;FAIL
-m pktstat --period 0.0 --samples 20;;FAIL
-m pktstat --period 999ns --samples 20;;FAIL
-m pktstat --period 0.999us --samples 20;;FAIL
-m pktstat --period 3600001 --samples 20;;FAIL
-m pktstat --period 3600.000000001s --samples 20;;FAIL
-m pktstat --period 1000.5ns --samples 20;;FAIL
-m pktstat --period 18446744073709551617ns --samples 20;;FAIL
-m pktstat --period -100 --samples 20;;FAIL
-m pktstat --period +100 --samples 20;;FAIL
-m pktstat --period 1e2 --samples 20;;FAIL
-m pktstat --period 0x64 --samples 20;;FAIL
-m pktstat --period 0100 --samples 20;;FAIL
-m pktstat --period .5 --samples 20;;FAIL
-m pktstat --period 5. --samples 20;;FAIL
-m pktstat --period 1m --samples 20;;FAIL
-m pktstat --period 1h --samples 20;;FAIL
-m pktstat --period 100MS --samples 20;;FAIL
-m pktstat --period "100 ms" --samples 20;;FAIL
-m pktstat --period "" --samples 20;;FAIL
-m pktstat --period ms --samples 20;;FAIL
-m pktstat --period;;FAIL
# Windows. The largest number that is taken would need more memory than the module gives.
-m pktstat --period 100 --samples 1 --id 120;=;OK
-m pktstat --period 100 --samples 4096 --id 121;=;OK
-m pktstat --period 100 --samples 0;;FAIL
-m pktstat --period 100 --samples 1048577;;FAIL
-m pktstat --period 100 --samples 4294967297;;FAIL
-m pktstat --period 100 --samples -1;;FAIL
-m pktstat --period 100 --samples 1.5;;FAIL
-m pktstat --period 100 --samples 10k;;FAIL
-m pktstat --period 100 --samples "";;FAIL
-m pktstat --period 100 --samples;;FAIL
# Names.
-m pktstat --period 100 --samples 20 --name web;=;OK
-m pktstat --period 100 --samples 20 --name W;=;OK
-m pktstat --period 100 --samples 20 --name a.b-c_9;=;OK
-m pktstat --period 100 --samples 20 --name a234567890123456789012345678901;=;OK
-m pktstat --name first --samples 20 --period 100ms;-m pktstat --period 100 --samples 20 --name first;OK
-m pktstat --period 100 --samples 20 --name a2345678901234567890123456789012;;FAIL
-m pktstat --period 100 --samples 20 --name "";;FAIL
-m pktstat --period 100 --samples 20 --name 1web;;FAIL
-m pktstat --period 100 --samples 20 --name 7;;FAIL
-m pktstat --period 100 --samples 20 --name .;;FAIL
-m pktstat --period 100 --samples 20 --name ..;;FAIL
-m pktstat --period 100 --samples 20 --name _web;;FAIL
-m pktstat --period 100 --samples 20 --name a/b;;FAIL
-m pktstat --period 100 --samples 20 --name "a b";;FAIL
-m pktstat --period 100 --samples 20 --name;;FAIL
# Numbers.
-m pktstat --period 100 --samples 20 --id 65535;=;OK
-m pktstat --period 100 --samples 20 --id 65536;;FAIL
-m pktstat --period 100 --samples 20 --id 4294967295;;FAIL
-m pktstat --period 100 --samples 20 --id -1;;FAIL
-m pktstat --period 100 --samples 20 --id web;;FAIL
-m pktstat --period 100 --samples 20 --id "";;FAIL
-m pktstat --period 100 --samples 20 --id;;FAIL
-m pktstat --period 100 --samples 20 --name both --id 1;;FAIL
-m pktstat --period 100 --samples 20 --id 1 --name both;;FAIL
# On the wire.
-m pktstat --period 100 --samples 20 --id 140 --wire;=;OK
-m pktstat --wire --period 100 --samples 20 --name wired;-m pktstat --period 100 --samples 20 --name wired --wire;OK
-m pktstat --period 100 --samples 20 --wire=1;;FAIL
-m pktstat --period 100 --samples 20 --wire 1;;FAIL
# In a burst only.
-m pktstat --period 100us --samples 20 --name burst --above 5gbit;=;OK
-m pktstat --period 100 --samples 20 --id 141 --wire --above 1mpps;=;OK
-m pktstat --above 2.5gbit --period 100 --samples 20 --name half;-m pktstat --period 100 --samples 20 --name half --above 2500mbit;OK
-m pktstat --period 100 --samples 20 --name large --above 1000kpps;-m pktstat --period 100 --samples 20 --name large --above 1mpps;OK
-m pktstat --period 1us --samples 20 --name least --above 8mbit;=;OK
-m pktstat --period 1us --samples 20 --name least --above 7999999bit;;FAIL
-m pktstat --period 1us --samples 20 --above 999kpps;;FAIL
-m pktstat --above 999kpps --period 1us --samples 20;;FAIL
-m pktstat --period 3600s --samples 20 --above 18446744tbit;;FAIL
-m pktstat --period 100 --samples 20 --above 5;;FAIL
-m pktstat --period 100 --samples 20 --above 5gbps;;FAIL
-m pktstat --period 100 --samples 20 --above 5Gbit;;FAIL
-m pktstat --period 100 --samples 20 --above 05gbit;;FAIL
-m pktstat --period 100 --samples 20 --above -5gbit;;FAIL
-m pktstat --period 100 --samples 20 --above 1.5bit;;FAIL
-m pktstat --period 100 --samples 20 --above 0pps;;FAIL
-m pktstat --period 100 --samples 20 --above;;FAIL
# What is missing, given twice or inverted.
-m pktstat;;FAIL
-m pktstat --samples 20;;FAIL
-m pktstat --period 100;;FAIL
-m pktstat --name web;;FAIL
-m pktstat --period 100 --period 100 --samples 20;;FAIL
-m pktstat --period 100 --samples 20 --samples 20;;FAIL
-m pktstat --period 100 --samples 20 --name web --name web;;FAIL
-m pktstat --period 100 --samples 20 --id 1 --id 1;;FAIL
-m pktstat --period 100 --samples 20 --wire --wire;;FAIL
-m pktstat --period 100 --samples 20 --above 1pps --above 1pps;;FAIL
-m pktstat --period 100 --samples 20 ! --above 1pps;;FAIL
-m pktstat ! --period 100 --samples 20;;FAIL
-m pktstat --period 100 ! --samples 20;;FAIL
-m pktstat --period 100 --samples 20 ! --name web;;FAIL
-m pktstat --period 100 --samples 20 ! --id 1;;FAIL
-m pktstat --period 100 --samples 20 ! --wire;;FAIL
! -m pktstat --period 100 --samples 20;;FAIL
# With others, and twice in a rule: the same counter, another one, and one that contradicts itself.
-p tcp -m tcp --dport 80 -m pktstat --period 100 --samples 20 --name http -j ACCEPT;=;OK
-m pktstat --period 100 --samples 20 --name twice -m pktstat --period 100 --samples 20 --name twice;=;OK
-m pktstat --period 100 --samples 20 --id 150 -m pktstat --period 1 --samples 200 --id 151 --wire;=;OK
-m pktstat --period 100 --samples 20 --name odd -m pktstat --period 200 --samples 20 --name odd;;FAIL
-m pktstat --period 100 --samples 20 --name odd -m pktstat --period 100 --samples 21 --name odd;;FAIL
-m pktstat --period 100 --samples 20 --name odd -m pktstat --period 100 --samples 20 --name odd --wire;;FAIL
-m pktstat --period 100 --samples 20 --name odd -m pktstat --period 100 --samples 20 --name odd --above 1mbit;;FAIL
-m pktstat --period 100 --samples 20 --id 152 -m pktstat --period 200 --samples 20 --id 152;;FAIL
