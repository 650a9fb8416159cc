#!/bin/sh
# Puts a released `daypass` into a folder and prints where it is. Its signature is verified before anything of it runs,
# and again at each later use.
#
#   sh install.sh [--version X.Y.Z] --to DIR [--release-url URL] [--public-key BASE64] [--wheel] [--retry N]
#                 [--target TRIPLE] [--quiet]
#
# stdout: the path of the program and, with --wheel, that of the wheel of keyrings-daypass on a second line.
# DAYPASS_VERSION and DAYPASS_RELEASE_URL say the same as their options; DAYPASS_NODE names a Node to fall back on.
#
# Beside the usual small programs it needs one of each line:
#   to download:  curl, wget, python3, node        to verify:  minisign, OpenSSL 3, python3, node
#   to hash:      sha256sum, shasum, openssl, ...  to unpack:  tar and gzip, python3, node
#
# Ends with 0 when it is there; 2 when asked wrongly; 3 when what came is not what was signed; 5 when the release host
# cannot be reached or does not have it; 6 when this machine cannot (no key, nothing to verify with, nothing for its
# kind, a folder that cannot be written).
#
# It is copied into the YAML of several CIs, so there is no word in it that means something to one of them: no here
# document, and no dollar sign before two brackets.
set -eu
LC_ALL=C
export LC_ALL
umask 022

say() {
    [ -n "$quiet" ] || printf 'daypass install: %s\n' "$1" >&2
}

refuse() { # CODE WORDS
    printf 'daypass install: error: %s\n' "$2" >&2
    exit "$1"
}

has() {
    command -v "$1" > /dev/null 2>&1
}

# A shim by the name of python3 may be there without a Python.
has_python() {
    if [ -z "$python" ]; then
        python=no
        if has python3 && python3 -I -c 'import hashlib, ssl, urllib.request; hashlib.blake2b' > /dev/null 2>&1; then
            python=yes
        fi
    fi
    [ "$python" = yes ]
}

has_node() {
    if [ -z "$node" ] && has node; then
        node=node
    fi
    [ -n "$node" ] && has "$node"
}

# What dist has not filled in counts as not said.
unfilled() {
    case $1 in
        @*@) return 0 ;;
        *) [ -z "$1" ] ;;
    esac
}

# --- What is asked for ---

arguments() {
    quiet='' wheel='' to='' retry=3 target='' python='' node=${DAYPASS_NODE:-} fresh=''
    version=${DAYPASS_VERSION:-@VERSION@}
    release_url=${DAYPASS_RELEASE_URL:-@RELEASE_URL@}
    public_key=@PUBLIC_KEY@
    while [ $# -gt 0 ]; do
        case $1 in
            --wheel) wheel=yes ;;
            --quiet) quiet=yes ;;
            --version | --to | --release-url | --public-key | --retry | --target)
                [ $# -ge 2 ] || refuse 2 "$1 needs a value"
                case $1 in
                    --version) version=$2 ;;
                    --to) to=$2 ;;
                    --release-url) release_url=$2 ;;
                    --public-key) public_key=$2 ;;
                    --retry) retry=$2 ;;
                    --target) target=$2 ;;
                esac
                shift
                ;;
            *) refuse 2 "there is no option like \`$1\`" ;;
        esac
        shift
    done
    ! unfilled "$version" || refuse 2 'say which version: --version X.Y.Z'
    case $version in
        *[!0-9.]* | .* | *. | *..* | *.*.*.*) refuse 2 "\`$version\` is not a version: X.Y.Z is" ;;
        *.*.*) ;;
        *) refuse 2 "\`$version\` is not a version: X.Y.Z is" ;;
    esac
    case $retry in
        '' | *[!0-9]* | 0 | ???*) refuse 2 '--retry is a number from 1 to 99' ;;
    esac
    case $to in
        '') refuse 2 'say where to: --to DIR' ;;
        *'
'*) refuse 2 'a folder with a line break in its name cannot be printed' ;;
    esac
    ! unfilled "$release_url" || refuse 2 'say where the release is: --release-url URL'
    release_url=${release_url%/}
    case $release_url in
        *[!A-Za-z0-9._~:/%@+=,-]*) refuse 2 'the release URL holds what a URL does not' ;;
        https://?*) ;;
        http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
        *) refuse 2 'a release host is reached by https' ;;
    esac
    host=${release_url#*://}
    case ${host%%/*} in
        *@*) refuse 2 'the release URL must not hold a name or a password: other processes see it' ;;
    esac
    ! unfilled "$public_key" ||
        refuse 6 'this install.sh has no public key, so it can trust nothing: take the one of a release, or say --public-key'
    if ! is_base64 "$public_key" 56 '' || ! begins_with "$public_key" RW; then
        refuse 2 'the public key is not one of minisign'
    fi
}

# The triple that a release is made for.
kind_of_machine() {
    if [ -z "$target" ]; then
        case $(uname -m) in
            x86_64 | amd64) machine=x86_64 ;;
            aarch64 | arm64) machine=aarch64 ;;
            *) refuse 6 "daypass is not released for $(uname -m)" ;;
        esac
        case $(uname -s) in
            Linux) target=$machine-unknown-linux-$(libc) ;;
            Darwin) target=$machine-apple-darwin ;;
            MINGW* | MSYS* | CYGWIN*) target=$machine-pc-windows-msvc ;;
            *) refuse 6 "daypass is not released for $(uname -s)" ;;
        esac
    fi
    case $target in
        *[!a-z0-9_-]*) refuse 2 "\`$target\` is not a target" ;;
        *windows*) program=daypass.exe ;;
        *) program=daypass ;;
    esac
}

libc() {
    for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 /lib64/ld-linux-aarch64.so.1; do
        if [ -e "$loader" ]; then
            printf gnu
            return
        fi
    done
    for loader in /lib/ld-musl-*.so.1; do
        if [ -e "$loader" ]; then
            printf musl
            return
        fi
    done
    printf gnu
}

places() {
    mkdir -p -- "$to" 2> /dev/null || refuse 6 "the folder $to cannot be made"
    to=$(CDPATH='' cd -- "$to" && pwd -P) || refuse 6 "the folder $to cannot be entered"
    stem=daypass-$version-$target
    home=$to/$version-$target
    # What a killed run left behind; a run takes minutes at most.
    if has find; then
        find "$to" -maxdepth 1 -name '.new.*' -mtime +0 -exec rm -rf {} + 2> /dev/null || :
    fi
    work=$(mktemp -d "$to/.new.XXXXXXXX" 2> /dev/null) || refuse 6 "nothing can be written into $to"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# --- Downloads ---

# NAME LIMIT SECONDS: into the folder of this run.
download() {
    attempt=1
    while :; do
        rm -f "$work/$1"
        outcome=0
        get "$release_url/$1" "$work/$1" "$2" "$3" || outcome=$?
        [ ! -f "$work/$1" ] || [ "$(($(wc -c < "$work/$1")))" -le "$2" ] || outcome=3
        [ "$outcome" -ne 3 ] || refuse 3 "$release_url/$1 is longer than it can be"
        [ "$outcome" -ne 0 ] || break
        if [ "$outcome" -ne 2 ] || [ "$attempt" -ge "$retry" ]; then
            refuse 5 "$release_url/$1 cannot be had: $problem"
        fi
        say "$problem; trying again"
        sleep "$attempt"
        attempt=$((attempt + 1))
    done
}

# URL FILE LIMIT SECONDS: 0, or 1 for good, 2 for what may pass, 3 where it is longer than it can be.
get() {
    if has curl; then
        get_with_curl "$@"
    elif has wget; then
        get_with_wget "$@"
    elif has_python; then
        get_with "$@" python3 -I -c "$python_get"
    elif has_node; then
        get_with "$@" "$node" --input-type=commonjs -e "$node_get"
    else
        refuse 6 'there is nothing to download with: install curl, wget, python3 or node'
    fi
}

# No file may become longer, whoever writes it.
limited() { # LIMIT COMMAND...
    (
        ulimit -f "$(($1 / 512 + 64))" 2> /dev/null || :
        shift
        exec "$@"
    )
}

get_with_curl() {
    limit=$3
    set -- curl -q --silent --show-error --location --max-redirs 5 --proto =http,https --proto-redir =https \
        --connect-timeout 15 --max-time "$4" --max-filesize "$3" --output "$2" --write-out '%{http_code}' "$1"
    [ -z "$fresh" ] || set -- "$@" --header 'Cache-Control: no-cache'
    code=0
    status=$(limited "$limit" "$@" 2> "$work/words") || code=$?
    case $code in
        0) judged ;;
        63 | 153) return 3 ;;
        5 | 6 | 7 | 16 | 18 | 28 | 35 | 52 | 55 | 56 | 92) first_words && return 2 ;;
        *) first_words && return 1 ;;
    esac
}

get_with_wget() {
    limit=$3 url=$1
    case $(wget --version 2> /dev/null) in
        *'GNU Wget'*) set -- "$4" wget -q -S -T 30 -t 1 --max-redirect=5 -O "$2" "$1" ;;
        *) set -- "$4" wget -q -S -O "$2" "$1" ;;
    esac
    [ -z "$fresh" ] || set -- "$@" --header 'Cache-Control: no-cache'
    if has timeout; then
        set -- timeout "$@"
    else
        shift
    fi
    code=0
    limited "$limit" "$@" 2> "$work/words" || code=$?
    # A redirect has been followed by now, but nothing that came is believed yet.
    status='' elsewhere=''
    while read -r word rest; do
        case $word in
            HTTP/*) status=${rest%% *} ;;
            [Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]:)
                case $rest in
                    https://*) ;;
                    *://* | //*) elsewhere=yes ;;
                    *) [ "${url%%:*}" = https ] || elsewhere=yes ;;
                esac
                ;;
        esac
    done < "$work/words"
    if [ -n "$elsewhere" ]; then
        problem='the server redirects to where there is no https'
        return 1
    fi
    case $code:$status in
        0:) ;;
        0:* | 8:* | *:[45]??) judged ;;
        153:*) return 3 ;;
        *:200) problem='the answer broke off'; return 2 ;;
        5:*) problem='the server cannot prove who it is'; return 2 ;;
        *) problem='the server does not answer'; return 2 ;;
    esac
}

# URL FILE LIMIT SECONDS COMMAND...
get_with() {
    url=$1 file=$2 limit=$3 seconds=$4
    shift 4
    code=0
    NODE_USE_ENV_PROXY=1 limited "$limit" "$@" "$url" "$file" "$limit" "$seconds" "$fresh" \
        > "$work/words" 2> /dev/null || code=$?
    case $code in
        0) ;;
        12) first_words && return 2 ;;
        13) return 3 ;;
        *) first_words && return 1 ;;
    esac
}

judged() {
    problem="the server answers $status"
    case $status in
        200) ;;
        408 | 429 | 5??) return 2 ;;
        *) return 1 ;;
    esac
}

first_words() {
    IFS= read -r problem < "$work/words" || :
    [ -n "$problem" ] || problem='the download failed'
}

# shellcheck disable=SC2016 # It is not for the shell to read.
python_get='
import http.client, ssl, sys, time, urllib.error, urllib.request
url, path, limit, seconds, fresh = sys.argv[1:]
end = time.monotonic() + float(seconds)

def stop(code, words):
    print(" ".join(str(words).split()))
    sys.exit(code)

class Secure(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, answer, code, words, headers, to):
        if not to.startswith("https://"):
            stop(1, "the server redirects to where there is no https")
        return super().redirect_request(request, answer, code, words, headers, to)

try:
    request = urllib.request.Request(url, headers={"Cache-Control": "no-cache"} if fresh else {})
    with urllib.request.build_opener(Secure).open(request, timeout=30) as answer, open(path, "wb") as file:
        came = 0
        while True:
            part = answer.read(65536)
            if not part:
                break
            came += len(part)
            if came > int(limit):
                stop(13, "")
            if time.monotonic() > end:
                stop(12, "the answer takes too long")
            file.write(part)
        if answer.headers.get("Content-Length", str(came)) != str(came):
            stop(12, "the answer broke off")
except urllib.error.HTTPError as error:
    stop(12 if error.code in (408, 429) or error.code >= 500 else 1, f"the server answers {error.code}")
except (OSError, http.client.HTTPException) as error:
    reason = getattr(error, "reason", error)
    stop(1 if isinstance(reason, ssl.SSLCertVerificationError) else 12, f"the server does not answer: {reason}")
'

# shellcheck disable=SC2016 # It is not for the shell to read.
node_get='
const fs = require("fs");
const [url, path, limit, seconds, fresh] = process.argv.slice(1);
const stop = (code, words) => { fs.writeSync(1, words + "\n"); process.exit(code); };
const headers = { "accept-encoding": "identity", ...(fresh ? { "cache-control": "no-cache" } : {}) };
(async () => {
    const signal = AbortSignal.timeout(seconds * 1000);
    let at = url;
    let answer;
    for (let hops = 0; ; hops++) {
        answer = await fetch(at, { redirect: "manual", headers, signal });
        if (answer.status < 300 || answer.status > 399) break;
        at = new URL(answer.headers.get("location") ?? "", at).href;
        if (hops === 5 || !at.startsWith("https://")) stop(1, "the server redirects to where there is no https");
    }
    const { status } = answer;
    if (status !== 200) stop(status === 408 || status === 429 || status > 499 ? 12 : 1, `the server answers ${status}`);
    const file = fs.openSync(path, "w");
    let came = 0;
    for await (const part of answer.body) {
        came += part.length;
        if (came > limit) stop(13, "");
        fs.writeFileSync(file, part);
    }
    if (Number(answer.headers.get("content-length") ?? came) !== came) stop(12, "the answer broke off");
})().catch((error) => stop(12, `the server does not answer: ${error.cause?.message ?? error.message}`.split("\n")[0]));
'

# --- Verification ---

is_base64() { # WORD LENGTH PADDING
    [ "${#1}" -eq "$2" ] || return 1
    case $1 in
        *"$3") ;;
        *) return 1 ;;
    esac
    case ${1%"$3"} in
        *[!A-Za-z0-9+/]*) return 1 ;;
    esac
}

# Two letters for the sixteen bits that tell what it is; the last two bits spill into the third.
begins_with() { # WORD TWO_LETTERS
    case $1 in
        "$2"[QRST]*) ;;
        *) return 1 ;;
    esac
}

# The 64 bits of a key's number, of a key or of a signature: eleven letters, and the upper two bits of the next.
number_of() {
    rest=${1#??}
    tail=${rest#???????????}
    number=${rest%"$tail"}
    case $tail in
        [A-P]*) number=$number.0 ;;
        [Q-Za-f]*) number=$number.1 ;;
        [g-v]*) number=$number.2 ;;
        *) number=$number.3 ;;
    esac
}

# FOLDER: its SHA256SUMS is what the holder of the key signed for this version.
signed() {
    problem='SHA256SUMS.minisig is not a signature'
    [ "$(($(wc -c < "$1/SHA256SUMS.minisig")))" -le 4096 ] || return 1
    {
        IFS= read -r untrusted && IFS= read -r signature && IFS= read -r trusted &&
            { IFS= read -r vouching || [ -n "$vouching" ]; } && ! { IFS= read -r more || [ -n "$more" ]; }
    } < "$1/SHA256SUMS.minisig" || return 1
    case $untrusted in
        'untrusted comment: '*) ;;
        *) return 1 ;;
    esac
    is_base64 "$signature" 100 = && is_base64 "$vouching" 88 == || return 1
    ! begins_with "$signature" RW || problem='SHA256SUMS.minisig is a signature of the old kind, which is not taken'
    begins_with "$signature" RU || return 1
    number_of "$public_key"
    wanted=$number
    number_of "$signature"
    if [ "$number" != "$wanted" ]; then
        problem='SHA256SUMS is signed with another key'
        return 1
    fi
    if [ "$trusted" != "trusted comment: daypass $version" ]; then
        problem="SHA256SUMS is not the one of daypass $version: it is stale, or of another release"
        return 1
    fi
    problem='the signature of SHA256SUMS is wrong'
    if has minisign; then
        verify_with_minisign "$1/SHA256SUMS"
    elif has_openssl; then
        verify_with_openssl "$1/SHA256SUMS"
    elif has_python; then
        python3 -I -c "$python_verify" "$public_key" "$signature" "daypass $version" "$vouching" \
            < "$1/SHA256SUMS" > /dev/null 2>&1
    elif has_node; then
        "$node" --input-type=commonjs -e "$node_verify" "$public_key" "$signature" "daypass $version" "$vouching" \
            < "$1/SHA256SUMS" > /dev/null 2>&1
    else
        refuse 6 'there is nothing to verify a signature with: install minisign, OpenSSL 3, python3 or node'
    fi
}

verify_with_minisign() {
    printf 'untrusted comment: -\n%s\n%s\n%s\n' "$signature" "$trusted" "$vouching" > "$work/signature"
    minisign -V -q -P "$public_key" -x "$work/signature" -m "$1" > /dev/null 2>&1
}

# Neither the older ones nor LibreSSL can.
has_openssl() {
    has openssl || return 1
    case $(openssl version 2> /dev/null) in
        'OpenSSL '[3-9].*) ;;
        *) return 1 ;;
    esac
    printf '' | openssl dgst -blake2b512 > /dev/null 2>&1
}

verify_with_openssl() {
    # The head of an Ed25519 key in DER.
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000' && bytes_after_number "$public_key"; } > "$work/key"
    bytes_after_number "$signature" > "$work/over_sums"
    printf %s "$vouching" | openssl base64 -d -A > "$work/over_comment"
    openssl dgst -blake2b512 -binary < "$1" > "$work/sums" || return 1
    { cat "$work/over_sums" && printf 'daypass %s' "$version"; } > "$work/comment"
    openssl_says "$work/sums" "$work/over_sums" && openssl_says "$work/comment" "$work/over_comment"
}

bytes_after_number() {
    printf %s "$1" | openssl base64 -d -A | dd bs=1 skip=10 2> /dev/null
}

openssl_says() {
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$1" -sigfile "$2" > /dev/null 2>&1
}

# Ed25519 by RFC 8032, section 5.1.7; verifying handles no secret.
# shellcheck disable=SC2016 # It is not for the shell to read.
python_verify='
import base64, hashlib, sys

p, order = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
d = -121665 * pow(121666, p - 2, p) % p

def check(good):
    if not good:
        sys.exit(1)

def point(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y // 2**255, y % 2**255
    check(y < p)
    square = (y * y - 1) * pow(d * y * y + 1, p - 2, p) % p
    x = pow(square, (p + 3) // 8, p)
    if (x * x - square) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    check((x * x - square) % p == 0 and not (x == 0 and sign))
    x = x if x % 2 == sign else p - x
    return x, y, 1, x * y % p

def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0])
    b = (one[1] + one[0]) * (other[1] + other[0])
    c, z = 2 * one[3] * other[3] * d, 2 * one[2] * other[2]
    e, f, g, h = b - a, z - c, z + c, b + a
    return e * f % p, g * h % p, f * g % p, e * h % p

def times(number, what):
    total = (0, 1, 1, 0)
    while number:
        if number % 2:
            total = add(total, what)
        what, number = add(what, what), number // 2
    return total

def verify(key, signature, message):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    check(len(key) == 32 and len(signature) == 64 and s < order)
    h = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % order
    base = point((4 * pow(5, p - 2, p) % p).to_bytes(32, "little"))
    left, right = times(s, base), add(point(r), times(h, point(key)))
    check((left[0] * right[2] - right[0] * left[2]) % p == 0 and (left[1] * right[2] - right[1] * left[2]) % p == 0)

key, signature, vouching = (base64.b64decode(sys.argv[index], validate=True) for index in (1, 2, 4))
check(key[2:10] == signature[2:10])
verify(key[10:], signature[10:], hashlib.blake2b(sys.stdin.buffer.read()).digest())
verify(key[10:], vouching, signature[10:] + sys.argv[3].encode())
'

# shellcheck disable=SC2016 # It is not for the shell to read.
node_verify='
const crypto = require("crypto");
const [key, signature, comment, vouching] = process.argv.slice(1);
const bytes = (text) => Buffer.from(text, "base64");
const head = Buffer.from("302a300506032b6570032100", "hex");
const half = { key: Buffer.concat([head, bytes(key).subarray(10)]), format: "der", type: "spki" };
const sums = crypto.createHash("blake2b512").update(require("fs").readFileSync(0)).digest();
const over = bytes(signature).subarray(10);
const good = crypto.verify(null, sums, crypto.createPublicKey(half), over) &&
    crypto.verify(null, Buffer.concat([over, Buffer.from(comment)]), crypto.createPublicKey(half), bytes(vouching));
process.exit(good ? 0 : 1);
'

# FOLDER NAME: the digest that its SHA256SUMS lists.
listed() {
    sum=''
    while IFS= read -r line; do
        case $line in
            *"  $2") sum=$sum${line%%"  $2"} ;;
        esac
    done < "$1/SHA256SUMS"
    problem="this release has no $2"
    failing=6
    [ -n "$sum" ] || return 1
    failing=3
    problem="SHA256SUMS does not say one thing about $2"
    [ "${#sum}" -eq 64 ] || return 1
    case $sum in
        *[!0-9a-f]*) return 1 ;;
    esac
}

# FILE: has the digest that was listed.
same() {
    problem="${1##*/} is not the file that SHA256SUMS lists: one of the two is stale, or it was changed"
    # A refusal ends the subshell alone.
    digest=$(digest_of "$1") || { [ $? -ne 6 ] || exit 6; return 1; }
    [ "${digest%% *}" = "$sum" ]
}

digest_of() {
    if has sha256sum; then
        sha256sum < "$1"
    elif has shasum; then
        shasum -a 256 < "$1"
    elif has openssl; then
        openssl dgst -sha256 -r < "$1"
    elif has_python; then
        python3 -I -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' < "$1"
    elif has_node; then
        "$node" --input-type=commonjs -p \
            'require("crypto").createHash("sha256").update(require("fs").readFileSync(0)).digest("hex")' < "$1"
    else
        refuse 6 'there is nothing to hash with: install sha256sum, shasum, openssl, python3 or node'
    fi
}

# FOLDER: the wheel for this machine that its SHA256SUMS lists.
name_of_wheel() {
    case $target in
        *-linux-gnu) tag="manylinux_*_${target%%-*}" ;;
        *-linux-musl) tag="musllinux_*_${target%%-*}" ;;
        aarch64-apple-*) tag="macosx_*_arm64" ;;
        *-apple-*) tag="macosx_*_x86_64" ;;
        aarch64-*-windows-*) tag=win_arm64 ;;
        *) tag=win_amd64 ;;
    esac
    wheel_name=''
    while read -r _ name; do
        # shellcheck disable=SC2254 # The tag is a pattern.
        case $name in
            *[!A-Za-z0-9._-]*) ;;
            keyrings_daypass-$version-*$tag.whl | keyrings_daypass-$version-*-any.whl) wheel_name=$name ;;
        esac
    done < "$1/SHA256SUMS"
    problem="this release has no wheel for $target"
    failing=6
    [ -n "$wheel_name" ]
}

# --- What is kept, and what is fetched ---

plain() {
    [ -f "$1" ] && [ ! -L "$1" ]
}

# What an earlier run left is believed no more than what is downloaded.
kept() {
    failing=3
    [ ! -L "$home" ] && plain "$home/SHA256SUMS" && plain "$home/SHA256SUMS.minisig" && plain "$home/$program" || return 1
    untouched || {
        say "what is kept is not used: $problem"
        return 1
    }
}

untouched() {
    signed "$home" && listed "$home" "$stem/$program" && same "$home/$program" || return 1
    [ -n "$wheel" ] || return 0
    name_of_wheel "$home" && listed "$home" "$wheel_name" || return 1
    problem='the wheel is not among it'
    plain "$home/$wheel_name" && same "$home/$wheel_name"
}

bring() {
    failing=3
    download SHA256SUMS 65536 60
    download SHA256SUMS.minisig 4096 60
    signed "$work" && listed "$work" "$stem.tar.gz" || return 1
    download "$stem.tar.gz" 268435456 600
    same "$work/$stem.tar.gz" && listed "$work" "$stem/$program" || return 1
    problem="$stem.tar.gz does not hold $stem/$program"
    unpack "$work/$stem.tar.gz" "$stem/$program" "$work/$program" && same "$work/$program" || return 1
    [ -n "$wheel" ] || return 0
    name_of_wheel "$work" && listed "$work" "$wheel_name" || return 1
    download "$wheel_name" 268435456 600
    same "$work/$wheel_name"
}

# ARCHIVE MEMBER FILE: the bytes of one member and nothing else: no path of an archive is ever followed.
unpack() {
    if has tar && has gzip; then
        limited 1073741824 tar -xzOf "$1" "$2" > "$3" 2> /dev/null
    elif has_python; then
        python3 -I -c "$python_unpack" "$@" > "$3" 2> /dev/null
    elif has_node; then
        "$node" --input-type=commonjs -e "$node_unpack" "$@" > "$3" 2> /dev/null
    else
        refuse 6 'there is nothing to unpack with: install tar and gzip, python3 or node'
    fi
}

python_unpack='
import shutil, sys, tarfile
with tarfile.open(sys.argv[1], "r:gz") as archive:
    member = archive.getmember(sys.argv[2])
    if not member.isreg():
        sys.exit(1)
    shutil.copyfileobj(archive.extractfile(member), sys.stdout.buffer)
'

node_unpack='
const fs = require("fs");
const [path, member] = process.argv.slice(1);
const tar = require("zlib").gunzipSync(fs.readFileSync(path), { maxOutputLength: 2 ** 30 });
const text = (from, to) => tar.subarray(from, to).toString("latin1").split("\0")[0];
for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = parseInt(text(at + 124, at + 136), 8);
    const name = [text(at + 345, at + 500), text(at, at + 100)].filter(Boolean).join("/");
    if (name === member && text(at + 156, at + 157) === "0") {
        fs.writeFileSync(1, tar.subarray(at + 512, at + 512 + size));
        process.exit(0);
    }
    at += 512 + Math.ceil(size / 512) * 512;
}
process.exit(1);
'

# Each file comes to its place whole, in one step, however many do this at once.
place() {
    [ ! -L "$home" ] || rm -f "$home"
    mkdir -p -- "$home" 2> /dev/null || refuse 6 "$home cannot be made"
    chmod 755 "$work/$program"
    set -- SHA256SUMS SHA256SUMS.minisig "$program"
    [ -z "$wheel" ] || set -- "$wheel_name" "$@"
    for name; do
        # What is moved onto a folder would end up inside it.
        if [ -L "$home/$name" ] || [ -d "$home/$name" ]; then
            rm -rf "${home:?}/$name"
        fi
        mv -f "$work/$name" "$home/$name" 2> /dev/null || refuse 6 "$home/$name cannot be written"
    done
}

# Programs of Windows want its own kind of path.
shown() {
    if has cygpath; then
        cygpath -m "$1"
    else
        printf '%s\n' "$1"
    fi
}

main() {
    arguments "$@"
    kind_of_machine
    places
    if kept; then
        say "$home/$program is what was signed"
    else
        say "fetching daypass $version from $release_url"
        bring || {
            say "$problem; fetching it once more, past caches"
            fresh=yes
            bring || refuse "$failing" "$problem"
        }
        place
        say "put $program into $home"
    fi
    shown "$home/$program"
    [ -z "$wheel" ] || shown "$home/$wheel_name"
}

# The last line, so that half a script does nothing.
main "$@"
