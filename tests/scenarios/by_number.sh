# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Which rule -D means when several differ in nothing but their number.
# variants: legacy4 legacy6 nft4 nft6

quiet_ns n1
spec="-m pktstat --period 100 --samples 20"

# fresh NUMBER...: just these rules, which differ in their number only.
fresh() {
	in_ns n1 "$ipt" -F INPUT
	for number; do
		# shellcheck disable=SC2086 # words
		in_ns n1 "$ipt" -A INPUT $spec --id "$number"
	done
}
# left: the numbers of the rules that are there, and so of the counters.
left() {
	in_ns n1 "$ipt" -S INPUT | sed -n 's/.*--id //p' | xargs
}
restore() { in_ns n1 "$ipt-restore" --noflush; }

claim "-D with a number deletes that one, without it the first"
fresh 3 4 5
# shellcheck disable=SC2086 # words
{
	n1 "$ipt" -D INPUT $spec --id 4
	[[ $(left) == "3 5" ]]
	exists 3
	gone 4
	exists 5
	n1 "$ipt" -D INPUT $spec
	[[ $(left) == 5 ]]
	refused 1 '*' n1 "$ipt" -D INPUT $spec --id 3
	[[ $(left) == 5 ]]
}

claim "-D with a number deletes that one in a restore too"
fresh 3 4 5 6
restore <<-END
	*filter
	-D INPUT $spec --id 4
	-D INPUT -m pktstat --id 6 --samples 20 --period 0.1s
	COMMIT
END
[[ $(left) == "3 5" ]]

claim "-D without a number deletes the first in a restore too"
fresh 3 4 5
restore <<-END
	*filter
	-D INPUT $spec
	-D INPUT $spec
	COMMIT
END
[[ $(left) == 5 ]]

claim "a restore that has both deletes no wrong rule"
fresh 3 4 5
status=0
restore <<-END || status=$?
	*filter
	-D INPUT $spec --id 4
	-D INPUT $spec
	COMMIT
END
if [[ $backend == legacy ]]; then
	[[ $status == 0 && $(left) == 5 ]]
else
	# All of a commit is compared in one way, so the second -D finds nothing.
	[[ $status != 0 && $(left) == "3 4 5" ]]
fi

claim "a name is no matter of numbers"
fresh 3 4
# shellcheck disable=SC2086 # words
in_ns n1 "$ipt" -A INPUT $spec --name web
restore <<-END
	*filter
	-D INPUT $spec --id 4
	-D INPUT $spec --name web
	COMMIT
END
[[ $(left) == 3 ]]
gone web

claim "a rule that counts twice is deleted as it was saved"
in_ns n1 "$ipt" -F INPUT
# shellcheck disable=SC2086 # words
{
	n1 "$ipt" -A INPUT $spec $spec --id 8
	n1 "$ipt" -A INPUT $spec --id 7 $spec --id 9
	saved=$(in_ns n1 "$ipt" -S INPUT | sed -n 's/^-A INPUT //p' | tail -n 1)
	n1 "$ipt" -C INPUT $saved
	n1 "$ipt" -D INPUT $saved
	[[ $(in_ns n1 "$ipt" -S INPUT | grep -c pktstat) == 1 ]]
	exists 8
	gone 7
	gone 9
}
