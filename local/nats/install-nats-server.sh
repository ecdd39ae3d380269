#!/usr/bin/env bash
# Puts nats-server at the path given as the first argument, for a machine that has none: from apt, else Homebrew, else Go.
# The package is unpacked, not installed: no service is started and no root is needed. With `current` as the second argument, it is the
# version below, from Go. The Makefile calls this.
set -euo pipefail

# Above every advisory known when it was chosen: docs/dependencies.md.
go_module=github.com/nats-io/nats-server/v2@v2.14.10

main() {
  local target=$1 wanted=${2:-any}
  mkdir -p "$(dirname "$target")"
  if [ "$wanted" = current ]; then
    from_go "$target" || { echo "nats-server: Go could not install $go_module" >&2; return 1; }
    return 0
  fi
  if from_apt "$target" || from_brew "$target" || from_go "$target"; then
    echo "nats-server: $("$target" --version), at $target"
    return 0
  fi
  cat >&2 <<HELP
nats-server was not found, and neither apt, brew nor go could get it. Install it by any of these, then run make again:
  Debian, Ubuntu   sudo apt-get update && sudo apt-get install nats-server
  macOS            brew install nats-server
  with Go          go install $go_module
  by hand          https://docs.nats.io, and put the binary on your PATH
HELP
  return 1
}

from_apt() {
  have apt-get && have dpkg-deb || return 1
  echo "nats-server: getting Debian's package" >&2
  local work status=0
  work=$(mktemp -d)
  unpack_package "$work" "$1" || status=$?
  rm -rf "$work"
  return "$status"
}

unpack_package() {
  local work=$1 target=$2
  download_package "$work" || { update_lists && download_package "$work"; } || return 1
  dpkg-deb --extract "$work"/nats-server_*.deb "$work/unpacked" || return 1
  install -m 755 "$work/unpacked/usr/sbin/nats-server" "$target"
}

# apt's error is hidden: when its lists do not hold the package yet, update_lists runs and the download is retried.
download_package() { (cd "$1" && apt-get download --quiet=2 nats-server 2>apt.log); }

update_lists() {
  if [ "$(id -u)" = 0 ]; then
    apt-get update --quiet=2 >&2
  else
    have sudo && sudo -n apt-get update --quiet=2 >&2
  fi
}

from_brew() {
  have brew || return 1
  echo "nats-server: brew install nats-server" >&2
  brew install nats-server >&2 && ln -sf "$(brew --prefix)/bin/nats-server" "$1"
}

from_go() {
  have go || return 1
  echo "nats-server: go install $go_module" >&2
  GOBIN=$(cd "$(dirname "$1")" && pwd) go install "$go_module" >&2
}

have() { command -v "$1" >/dev/null 2>&1; }

main "$@"
