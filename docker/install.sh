#!/usr/bin/env bash
# Makes a bare Debian 12 or 13 (or Ubuntu 24.04) ready to build puna; on a ready machine it changes nothing.
#
#   docker/install.sh            what the build and the tests need, with Node to build the page (also for the client tests)
#   docker/install.sh --dev      also clang with its tools, ccache, and the JSON Schema suite
#   docker/install.sh --browser  also Chromium, for the page's tests
#   docker/install.sh --arm64    also Debian's cross compiler for ARM64 and qemu, for the preset arm64 on another processor
#
# Several of these at once are fine.
# Compilers and libraries come from the system's packages (as root, or through sudo). Two libraries must be newer than
# Debian 12 has them: oneDNN and cpp-httplib. Their source comes from Debian 13, through an apt of our own in a
# temporary folder: the system's list of sources and its packages stay as they are, and this part needs no root.
# oneDNN is then built once, into a cache outside the clone: ${PUNA_DEPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/puna}.
# On ARM64 puna does without oneDNN.
set -euo pipefail

packages=(g++ cmake ninja-build make python3 curl ca-certificates xz-utils patch dpkg-dev
  nlohmann-json3-dev libspdlog-dev libssl-dev libcurl4-openssl-dev libedit-dev libsqlite3-dev libxxhash-dev zlib1g-dev
  libbrotli-dev libzstd-dev prometheus-cpp-dev doctest-dev)
arm64_packages=(g++-aarch64-linux-gnu qemu-user-static)
dev_packages=(clang clang-format clang-tidy libclang-rt-dev ccache json-schema-test-suite)
browser_packages=(chromium)
# A Node from elsewhere brings its own npm, and Debian's conflicts with it.
command -v npm >/dev/null || packages+=(nodejs npm)
source_suite=trixie
onednn_version=3.7.2
httplib_version=0.18.7

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PUNA_DEPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/puna}
onednn=$cache/onednn-$onednn_version-seq-matmul-ukernel
httplib=$cache/cpp-httplib-$httplib_version
log=$cache/install.log

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }

# logged WHAT COMMAND...: says WHAT, runs the command with its output in the log, shows the log's end if it fails.
logged() {
  say "$1"
  "${@:2}" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "failed: $1 (the whole output is in $log)"; }
}

# missing PACKAGE...: those of the packages that are not installed.
missing() {
  comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort)
}

install_packages() {
  local wanted=()
  mapfile -t wanted < <(missing "$@")
  ((${#wanted[@]})) || return 0
  local as_root=()
  if ((EUID)); then
    command -v sudo >/dev/null || fail "not root, and no sudo here; as root: apt-get install ${wanted[*]}"
    as_root=(sudo)
    sudo -v || fail "sudo refused; as root: apt-get install ${wanted[*]}"
  fi
  logged "reading the package lists" "${as_root[@]}" apt-get -q update
  logged "installing ${wanted[*]}" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${wanted[@]}"
}

# derive_source SUITE NEW_SUITE: the system's own source for SUITE, in either of apt's two notations, as a deb822 stanza
# for NEW_SUITE's source packages: same archive, same keys. Prints nothing where the system has no such source.
derive_source() {
  {
    # A blank line after each file, so that its last stanza does not run into the next one's first.
    for file in /etc/apt/sources.list.d/*.sources; do sed '/^#/d' "$file" 2>/dev/null || true; echo; done |
      awk -v RS= -v suite="$1" -v new_suite="$2" '
      function has(words, word) { gsub(/[ \t\n]+/, " ", words); return index(" " words " ", " " word " ") }
      {
        split("", value); name = ""
        count = split($0, line, "\n")
        for (i = 1; i <= count; i++) {
          if (match(line[i], /^[A-Za-z-]+:[ \t]*/)) {
            name = tolower(line[i]); sub(/:.*/, "", name)
            value[name] = substr(line[i], RLENGTH + 1)
          } else value[name] = value[name] "\n" line[i]
        }
        if (done || value["enabled"] == "no" || value["uris"] ~ /^cdrom:/) next
        if (!has(value["types"], "deb") || !has(value["suites"], suite) || !has(value["components"], "main")) next
        split(value["uris"], uri, " ")
        printf "Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n", uri[1], new_suite
        if (value["signed-by"] != "") printf "Signed-By: %s\n", value["signed-by"]
        printf "\n"; done = 1
      }'
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
      awk -v suite="$1" -v new_suite="$2" '
      done || $1 != "deb" { next }
      {
        keys = ""
        if (match($0, /signed-by=[^] \t]+/)) keys = substr($0, RSTART + 10, RLENGTH - 10)
        sub(/\[[^]]*\]/, "")
        if ($3 != suite || $2 ~ /^cdrom:/ || !/[ \t]main([ \t]|$)/) next
        printf "Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n", $2, new_suite
        if (keys != "") printf "Signed-By: %s\n", keys
        printf "\n"; done = 1
      }'
  } | awk -v RS= 'NR == 1'
}

# download_sources FOLDER PACKAGE...: Debian 13's source packages, verified by apt, through lists in FOLDER alone.
download_sources() {
  local folder=$1
  mkdir -p "$folder"/{sources,lists/partial,cache/archives/partial}
  # Without the system's hooks, which serve its own lists.
  cat >"$folder/apt.conf" <<EOF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$folder/sources";
Dir::State::Lists "$folder/lists";
Dir::Cache "$folder/cache";
APT::Sandbox::User "$(id -un)";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
EOF
  (cd "$folder" && apt-get -q -c apt.conf update && apt-get -q -c apt.conf source --download-only "${@:2}")
}

# unpack FOLDER NAME VERSION TO: the one source package of that name and version, Debian's patches applied.
unpack() {
  local dsc=("$1/$2_$3"*.dsc)
  [[ -e ${dsc[0]} ]] || fail "$2: expected version $3 in Debian's $source_suite, found $(cd "$1" && echo "$2"_*.dsc)"
  rm -rf "$4"
  dpkg-source --no-check --no-copy -x "${dsc[0]}" "$4"
}

build_onednn() {
  # On a terminal, ninja's own line of progress; elsewhere, each fiftieth.
  local build=(cmake "-DSOURCE_DIR=$cache/src/onednn-$onednn_version" "-DPREFIX=$onednn"
    -P "$here/../engine/layers/build_onednn.cmake")
  say "building oneDNN $onednn_version, once, into $cache: some 8 to 15 minutes on two cores"
  if [[ -t 1 ]]; then
    "${build[@]}" || fail "oneDNN's build failed; it is taken up again where it stopped"
  else
    "${build[@]}" 2>&1 | tee -a "$log" | { grep --line-buffered -E '^\[[0-9]*[05]0/' || true; } ||
      { tail -n 20 "$log" >&2; fail "oneDNN's build failed (the whole output is in $log)"; }
  fi
  rm -rf "$cache/src/onednn-$onednn_version"
}

# Of the two, what this processor's build takes.
has_onednn() { [[ $(uname -m) != x86_64 || -e $onednn/lib/libdnnl.a ]]; }

install_libraries() {
  if has_onednn && [[ -e $httplib/httplib.h ]]; then return; fi
  local sources
  sources=$(derive_source "$codename" "$source_suite")
  if [[ -z $sources ]]; then
    say "no Debian archive among this system's sources: CMake will fetch oneDNN and cpp-httplib from their upstreams"
    return
  fi
  sources+=$'\n\n'$(derive_source "$codename-security" "$source_suite-security")
  local wanted=()
  folder=$(mktemp -d)  # not local: the trap outlives this function
  trap 'rm -rf "$folder"' EXIT
  [[ -e $httplib/httplib.h ]] || wanted+=(cpp-httplib)
  # The unpacked source of an interrupted build stays in the cache, so that the build can go on.
  has_onednn || [[ -e $cache/src/onednn-$onednn_version ]] || wanted+=(onednn)
  if ((${#wanted[@]})); then
    mkdir -p "$folder/sources" "$cache/src"
    printf '%s\n' "$sources" >"$folder/sources/puna.sources"
    logged "downloading Debian $source_suite's source of ${wanted[*]}" download_sources "$folder" "${wanted[@]}"
  fi
  if [[ " ${wanted[*]} " == *" cpp-httplib "* ]]; then
    logged "unpacking cpp-httplib $httplib_version" unpack "$folder" cpp-httplib "$httplib_version" "$folder/httplib"
    mkdir -p "$httplib"
    cp "$folder/httplib/LICENSE" "$httplib/"
    cp "$folder/httplib/httplib.h" "$httplib/httplib.h.new" && mv "$httplib/httplib.h.new" "$httplib/httplib.h"
  fi
  if [[ " ${wanted[*]} " == *" onednn "* ]]; then
    # By one rename, so that half a source never looks whole; another install may have been faster.
    local new=$cache/src/onednn.$$
    logged "unpacking oneDNN $onednn_version" unpack "$folder" onednn "$onednn_version" "$new"
    mv -T "$new" "$cache/src/onednn-$onednn_version" 2>/dev/null || rm -rf "$new"
  fi
  has_onednn || build_onednn
}

for option in "$@"; do
  case $option in
    --dev) packages+=("${dev_packages[@]}") ;;
    --browser) packages+=("${browser_packages[@]}") ;;
    --arm64) packages+=("${arm64_packages[@]}") ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit ;;
    *) fail "unknown option '$option'; known: --dev, --browser, --arm64, --help" ;;
  esac
done
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
command -v apt-get >/dev/null ||
  fail "no apt-get here; CONTRIBUTING.md lists what the build needs, for another system's package manager"
mkdir -p "$cache"
install_packages "${packages[@]}"
install_libraries
