#!/usr/bin/env bash
# The program beside cp, scp and rsync, on this machine: one large file, and a directory of many small ones.
#
#   bench/files.sh [--rounds N] [--bytes N] [--files N] [--dir DIR] [--only NAME]...
#
# --rounds how often (default 3)
# --bytes  size of the large file (default 1 GiB)           --files  how many files of 4 KiB (default 10,000)
# --dir    where to make the scratch directory (default: $TMPDIR or /tmp); everything happens in it and on its file
#          system, and all of it is removed at the end, never between two runs: file systems create files slowly
#          just after many were deleted
# --only   run only the ways of this name: cp, scp, rsync, foctet-tcp, foctet-quic (repeatable)
#
# FOCTET and MEASURE name the two programs; those not named are built first, in release.
#
# Every round runs every way once, each into a fresh directory, and compares what arrived byte by byte. Printed are
# medians (minimum to maximum) of wall seconds, MiB/s, and each side's CPU seconds and peak resident memory: of a
# copy the one process, of scp and rsync the client with its ssh and the sshd with its children, of foctet the
# sender and the receiver. foctet's time runs from the start of `receive` until both have ended; the sender has read
# its directory before that and printed its ticket. foctet syncs what it received to the disk and verifies it; the
# others do neither. scp and rsync go over an sshd of their own on loopback, with throwaway keys.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=3 bytes=$((1 << 30)) files=10000 parent=${TMPDIR:-/tmp} only=()
while (($#)); do
    case $1 in
        --rounds) rounds=$2 ;;
        --bytes) bytes=$2 ;;
        --files) files=$2 ;;
        --dir) parent=$2 ;;
        --only) only+=("$2") ;;
        *) sed -n '2,/^set/{/^#/!d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift 2
done

built=${CARGO_TARGET_DIR:-$root/target}/release
if [[ -z ${MEASURE:-} ]]; then
    (cd "$root" && cargo build --quiet --release --manifest-path bench/Cargo.toml --bin measure)
    MEASURE=$built/measure
fi
if [[ -z ${FOCTET:-} ]]; then
    (cd "$root" && cargo build --quiet --release -p foctet-cli)
    FOCTET=$built/foctet
fi

ways=(cp scp rsync foctet-tcp foctet-quic)
if ((${#only[@]})); then ways=("${only[@]}"); fi
for way in "${ways[@]}"; do
    [[ $way =~ ^(cp|scp|rsync|foctet-tcp|foctet-quic)$ ]] || { echo "no such way: $way" >&2; exit 2; }
done

# Nothing is deleted before the end.
needed=$(((rounds * ${#ways[@]} + 2) * (bytes + files * 8192) >> 20))
available=$(df -Pm "$parent" | awk 'NR == 2 { print $4 }')
if ((available < needed)); then
    echo "$parent has $available MiB left, this takes $needed: fewer rounds, or --dir" >&2
    exit 1
fi

work=$(mktemp -d "$parent/foctet-bench.XXXXXX")
mkdir "$work/running" # one file for each process in the background, with its number, until it was seen to end
made_privsep=
cleanup() {
    local pid
    for pid in "$work"/running/*; do
        [[ ! -f $pid ]] || kill "$(<"$pid")" 2>/dev/null || true
    done
    [[ -z $made_privsep ]] || rmdir /run/sshd 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*" >&2; }
# Waits for a condition that a process of ours brings about, for half a minute at most.
until_true() {
    local tries=0
    until "$@"; do
        ((++tries < 3000)) || { say "gave up waiting: $*"; return 1; }
        sleep 0.01
    done
}

# --- what is sent --------------------------------------------------------------------------------------------------

say "making $((bytes >> 20)) MiB in one file and $files files of 4 KiB in $work"
mkdir "$work/source" "$work/source/tree"
head -c "$bytes" /dev/urandom >"$work/source/file"
# Cut from one random file: ten thousand reads of /dev/urandom take longer than all that follows.
head -c $((files * 4096)) /dev/urandom >"$work/seed"
split -b 4096 -a 6 -d "$work/seed" "$work/source/tree/f"
# A hundred to a directory, as trees are.
(
    cd "$work/source/tree"
    for path in f*; do
        directory=d${path:1:4}
        [[ -d $directory ]] || mkdir "$directory"
        moved+=("$path") last=$directory
        if ((${#moved[@]} == 100)); then mv "${moved[@]}" "$last/"; moved=(); fi
    done
    ((${#moved[@]} == 0)) || mv "${moved[@]}" "$last/"
)
sync

# --- sshd ----------------------------------------------------------------------------------------------------------

sshd=$(command -v sshd || { [[ -x /usr/sbin/sshd ]] && echo /usr/sbin/sshd; } || true)
user=$(id -un)
ssh_options=(-F none -i "$work/ssh/user" -o IdentitiesOnly=yes -o BatchMode=yes
    -o "UserKnownHostsFile=$work/ssh/known" -o StrictHostKeyChecking=yes -o LogLevel=ERROR)

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Starts an sshd that measures itself; sets $port. Fails where it does not come up.
start_sshd() {
    local out=$1 tries
    for tries in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        port_is_open "$port" && continue
        "$MEASURE" --out "$out" --pid "$work/running/sshd" -- "$sshd" -D -e -f "$work/ssh/config" -p "$port" \
            2>"$work/ssh/log" &
        ssh_measure=$!
        if until_true sshd_is_up_or_gone && port_is_open "$port"; then
            printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$work/ssh/host.pub")" >"$work/ssh/known"
            return 0
        fi
        rm -f "$work/running/sshd"
    done
    return 1
}
sshd_is_up_or_gone() { port_is_open "$port" || ! kill -0 "$ssh_measure" 2>/dev/null; }

# Ends it once its last child has been waited for, so that the child's CPU time counts.
stop_sshd() {
    local pid
    pid=$(<"$work/running/sshd")
    until_true sshd_is_childless "$pid"
    kill "$pid"
    wait "$ssh_measure" || true
    rm "$work/running/sshd"
}
sshd_is_childless() { [[ -z $(cat "/proc/$1/task/$1/children" 2>/dev/null) ]]; }

# Sets $no_ssh to the reason why scp and rsync cannot run, if there is one.
no_ssh=
prepare_ssh() {
    if [[ -z $sshd ]] || ! command -v ssh >/dev/null || ! command -v ssh-keygen >/dev/null; then
        no_ssh="no ssh, sshd or ssh-keygen"
        return
    fi
    mkdir -m 700 "$work/ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host"
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/user"
    cat >"$work/ssh/config" <<EOF
ListenAddress 127.0.0.1
HostKey $work/ssh/host
AuthorizedKeysFile $work/ssh/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
EOF
    if ((EUID == 0)) && [[ ! -d /run/sshd ]]; then
        # Where sshd confines itself as root; some installations make it only when the service starts.
        mkdir -m 755 /run/sshd && made_privsep=yes
    fi
    if ! start_sshd "$work/ssh/trial"; then
        no_ssh="sshd does not start: $(tail -n 1 "$work/ssh/log")"
        return
    fi
    if ! ssh "${ssh_options[@]}" -p "$port" "$user@127.0.0.1" true 2>"$work/ssh/client-log"; then
        no_ssh="sshd does not let $user in: $(tail -n 1 "$work/ssh/client-log" "$work/ssh/log" | tail -n 1)"
    fi
    stop_sshd
}

# --- the ways ------------------------------------------------------------------------------------------------------
# Each takes what to send, where to put it and where to write what it used: `first` and, if there are two sides,
# `second`. Each sets $seconds.

seconds_of() { cut -d' ' -f1 "$1"; }
now() { echo "$EPOCHREALTIME"; }

way_cp() {
    "$MEASURE" --out "$3/first" -- cp -r "$1" "$2/"
    seconds=$(seconds_of "$3/first")
}

way_scp() {
    start_sshd "$3/second"
    "$MEASURE" --out "$3/first" -- scp -q -r "${ssh_options[@]}" -P "$port" "$1" "$user@127.0.0.1:$2/"
    stop_sshd
    seconds=$(seconds_of "$3/first")
}

way_rsync() {
    start_sshd "$3/second"
    "$MEASURE" --out "$3/first" -- rsync -rlt --whole-file -e "ssh ${ssh_options[*]} -p $port" \
        "$1" "$user@127.0.0.1:$2/"
    stop_sshd
    seconds=$(seconds_of "$3/first")
}

way_foctet() {
    local transport=$1 from=$2 to=$3 used=$4 sender ticket begin
    local options=(--json --no-relay --no-lan --transport "$transport" --bind 127.0.0.1:0)
    "$MEASURE" --out "$used/first" --pid "$work/running/sender" -- "$FOCTET" send "${options[@]}" "$from" \
        >"$used/sent" 2>"$used/sender-log" &
    sender=$!
    until_true sender_listens_or_is_gone
    ticket=$(sed -n 's/.*"event":"listening".*"ticket":"\([^"]*\)".*/\1/p' "$used/sent" | head -n 1)
    [[ -n $ticket ]] || { failed "$sender" "no ticket: $(tail -n 3 "$used/sender-log" "$used/sent")"; return 1; }
    begin=$(now)
    "$MEASURE" --out "$used/second" -- "$FOCTET" receive "${options[@]}" -y -o "$to" "$ticket" \
        >"$used/received" 2>"$used/receiver-log" ||
        { failed "$sender" "receive failed: $(tail -n 3 "$used/receiver-log" "$used/received")"; return 1; }
    wait "$sender" || { failed "$sender" "send failed: $(tail -n 3 "$used/sender-log" "$used/sent")"; return 1; }
    seconds=$(awk -v begin="$begin" -v end="$(now)" 'BEGIN { printf "%.4f", end - begin }')
    rm "$work/running/sender"
}
# Says why, and ends the sender where it still runs.
failed() {
    say "$2"
    kill "$(<"$work/running/sender")" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    rm -f "$work/running/sender"
}
sender_listens_or_is_gone() { grep -qs '"event":"listening"' "$used/sent" || ! kill -0 "$sender" 2>/dev/null; }

way_foctet-tcp() { way_foctet tcp "$@"; }
way_foctet-quic() { way_foctet quic "$@"; }

missing() {
    case $1 in
        scp) if command -v scp >/dev/null; then echo "$no_ssh"; else echo "no scp"; fi ;;
        rsync) if command -v rsync >/dev/null; then echo "$no_ssh"; else echo "no rsync"; fi ;;
        foctet-*) [[ -x $FOCTET ]] || echo "no foctet at $FOCTET" ;;
    esac
}

# --- the run -------------------------------------------------------------------------------------------------------

case " ${ways[*]} " in *' scp '* | *' rsync '*) prepare_ssh ;; esac
mkdir "$work/results"
for ((round = 1; round <= rounds; round++)); do
    for kind in file tree; do
        for way in "${ways[@]}"; do
            [[ -z $(missing "$way") ]] || continue
            say "round $round of $rounds: $kind by $way"
            into=$work/out-$kind-$way-$round used=$work/used-$kind-$way-$round
            mkdir "$into" "$used"
            # What the last way left unwritten is not this way's to wait for.
            sync
            if "way_$way" "$work/source/$kind" "$into" "$used" && diff -rq "$work/source/$kind" "$into/$kind" >&2; then
                # Wall seconds; CPU seconds and peak KiB of the first side, and of the second or zeros.
                second="0 0 0 0"
                [[ ! -f $used/second ]] || second=$(<"$used/second")
                echo "$seconds $(cut -d' ' -f2,3 "$used/first") $(cut -d' ' -f2,3 <<<"$second")" \
                    >>"$work/results/$kind-$way"
            else
                say "FAILED: $kind by $way"
                echo >>"$work/results/$kind-$way.failed"
            fi
        done
    done
done

# Median (minimum to maximum) of column $2 of file $1, times $3, with $4 decimals.
summary() {
    cut -d' ' -f"$2" "$1" | sort -g | awk -v scale="$3" -v decimals="$4" '
        { value[NR] = $1 * scale }
        END {
            half = int((NR + 1) / 2)
            median = NR % 2 ? value[half] : (value[half] + value[half + 1]) / 2
            if (NR == 1) printf "%.*f", decimals, median
            else printf "%.*f (%.*f to %.*f)", decimals, median, decimals, value[1], decimals, value[NR]
        }'
}

# Rates from seconds: the fastest run has the highest.
rates() { awk -v bytes="$2" '{ print bytes / 1048576 / $1 }' "$1"; }

print_table() {
    local kind=$1 total=$2 way file why second
    echo
    echo "| $3 | s | MiB/s | CPU s, sending or only side | CPU s, receiving | peak MiB, sending or only side | peak MiB, receiving |"
    echo "|---|---|---|---|---|---|---|"
    for way in "${ways[@]}"; do
        file=$work/results/$kind-$way
        why=$(missing "$way")
        if [[ -n $why ]]; then
            echo "| $way | SKIPPED: $why | | | | | |"
        elif [[ ! -f $file || -f $file.failed ]]; then
            echo "| $way | FAILED | | | | | |"
        else
            rates "$file" "$total" >"$work/results/rates"
            second="$(summary "$file" 4 1 2) | "
            peak=$(summary "$file" 5 0.0009765625 1)
            [[ $way != cp ]] || second="| " peak=
            echo "| $way | $(summary "$file" 1 1 2) | $(summary "$work/results/rates" 1 1 0) |" \
                "$(summary "$file" 2 1 2) | $second$(summary "$file" 3 0.0009765625 1) | $peak |"
        fi
    done
}

filesystem=$(df -PT "$work" | awk 'NR == 2 { print $2 }')
echo "- machine: $(nproc) CPUs of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(uname -sr), $filesystem"
echo "- $rounds rounds, ways interleaved; median (minimum to maximum); synced before each run; content compared after"
echo "- $(cp --version | head -n 1); $(ssh -V 2>&1 || true); $(rsync --version 2>/dev/null | head -n 1); $("$FOCTET" --version 2>/dev/null || true)"
print_table file "$bytes" "$((bytes >> 20)) MiB in one file"
print_table tree "$((files * 4096))" "$files files of 4 KiB"
if compgen -G "$work/results/*.failed" >/dev/null; then exit 1; fi
