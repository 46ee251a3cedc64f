#!/usr/bin/env bash
# arm64_sysroot.sh FOLDER: fills FOLDER with ARM64's libraries of this Debian, to build puna for ARM64 on another processor.
#
# Through an apt of our own, in a temporary folder, with the system's sources and keys: what is installed stays as it is, no
# foreign architecture is added, and it needs no root. The compiler is Debian's g++-aarch64-linux-gnu (docker/install.sh --arm64).
set -euo pipefail

[[ $# == 1 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
packages=(libc6-dev nlohmann-json3-dev libspdlog-dev libssl-dev libcurl4-openssl-dev libedit-dev libsqlite3-dev libxxhash-dev zlib1g-dev libbrotli-dev libzstd-dev
  prometheus-cpp-dev doctest-dev)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{lists/partial,cache/archives/partial}
: >"$folder/status"  # nothing is installed
cat >"$folder/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State::Lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
APT::Sandbox::User "$(id -un)";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
export APT_CONFIG=$folder/apt.conf
echo "arm64_sysroot: reading the package lists"
apt-get -qq update || echo "arm64_sysroot: some sources have nothing for arm64; going on with the others" >&2
echo "arm64_sysroot: downloading ${packages[*]}"
apt-get -qq install -y --no-install-recommends --download-only "${packages[@]}" >/dev/null
rm -rf "$1.new"
mkdir -p "$1.new"
for package in "$folder"/cache/archives/*.deb; do dpkg-deb -x "$package" "$1.new"; done
rm -rf "$1"
mv -T "$1.new" "$1"
echo "arm64_sysroot: $1 is ready"
