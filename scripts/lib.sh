# Shared by the scripts: a stage with its own copy of the server, clusters and the simulator in it. Sourced, not run.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
export PG_CONFIG
jobs=$(nproc)
mkdir -p build

# PostgreSQL does not run as root.
server_user=$(id -un)
[ "$(id -u)" != 0 ] || server_user=postgres
as_server() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$server_user" -- env HOME="$stage" "$@"
	else
		"$@"
	fi
}

# Builds module (test flavour) and simulator. One build at a time: several checks may run beside each other.
build_for_tests() {
	flock build/lock make -s -j "$jobs" TEST_BUILD=1 all
	flock build/lock make -s -j "$jobs" sandbox
}

# Small helpers of the tests, such as a resolver that stalls, in $stage/tools.
compile_test_tools() {
	mkdir "$stage/tools"
	local source
	for source in test/tap/tools/*.c; do
		[ -e "$source" ] || continue
		gcc -shared -fPIC -O1 -o "$stage/tools/$(basename "${source%.c}").so" "$source" -ldl
	done
}

# What the package.json of folder $1 asks for, in exactly those versions, into folder $2; again only if that changes.
install_npm_packages() {
	mkdir -p "$2"
	! cmp -s "$1/package.json" "$2/package.json" || [ ! -e "$2/installed" ] || return 0
	echo "Installing from npm: $(sed -n '/"dependencies"/,/}/ s/.*"\(.*\)": "\([0-9.]*\)".*/\1 \2/p' "$1/package.json" | paste -sd, | sed 's/,/, /g')"
	rm -f "$2/installed"
	cp "$1/package.json" "$2/"
	npm install --prefix "$2" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
	touch "$2/installed"
}

# Makes $stage: a copy of the installed server in which the extension is installed, so that nothing is left in the
# system and no root is needed; readable for the server's user wherever the checkout is. Arguments go to make.
make_stage() {
	stage=$(mktemp -d /tmp/openbanking.XXXXXX)
	chmod 755 "$stage"
	trap clean_up EXIT
	local lib share
	lib=$("$PG_CONFIG" --bindir)
	lib=${lib%/bin}
	share=$("$PG_CONFIG" --sharedir)
	mkdir -p "$stage/root$lib" "$stage/root$share"
	cp -a "$lib/." "$stage/root$lib/"
	cp -a "$share/." "$stage/root$share/"
	flock build/lock make -s install DESTDIR="$stage/root" "$@" >/dev/null
	bin=$stage/root$lib/bin
	mkdir "$stage/run"
	chown -R "$server_user" "$stage/run"
}

# Starts a cluster in the stage; connections go through its socket: psql finds it by PGHOST and PGPORT. Further
# settings may be given.
start_cluster() {
	as_server "$bin/initdb" -D "$stage/run/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$stage/initdb.log"
	make_key "$stage/run/keys"
	cat >>"$stage/run/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$stage/run'
		port = 5432
		fsync = off
		openbanking.key_file = '$stage/run/keys'
		openbanking.sync_on_event = off
		openbanking.allowed_hosts = '$(echo "${sandbox_url:-}" | cut -d/ -f1-3)'
		${1:-}
	END
	as_server "$bin/pg_ctl" -D "$stage/run/data" -l "$stage/run/log" -w start >/dev/null
	cluster_running=1
	export PGHOST=$stage/run PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

make_key() {
	(umask 077 && echo "1:$(openssl rand -base64 32)" >"$1")
	chown "$server_user" "$1"
}

# Starts the simulator; its address is in $sandbox_url. It ends with this script.
start_sandbox() {
	cp build/openbanking-sandbox "$stage/"
	mkfifo "$stage/sandbox.out"
	"$stage/openbanking-sandbox" --listen 127.0.0.1:0 --parent-pid $$ >"$stage/sandbox.out" 2>"$stage/sandbox.log" &
	sandbox_pid=$!
	read -r sandbox_url <"$stage/sandbox.out"
	export OB_SANDBOX_URL=$sandbox_url
}

clean_up() {
	local status=$?
	if [ -n "${cluster_running:-}" ]; then
		as_server "$bin/pg_ctl" -D "$stage/run/data" -m immediate stop >/dev/null || true
	fi
	if [ -n "${sandbox_pid:-}" ]; then
		kill "$sandbox_pid" 2>/dev/null || true
		wait "$sandbox_pid" 2>/dev/null || true
	fi
	rm -rf "$stage"
	return $status
}
