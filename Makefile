# openbanking: what there is to do. `make help` lists it; building itself is in build.mk.
#
# WERROR=1     warnings are errors (make check sets it)
# TEST_BUILD=1 adds the settings openbanking.test_clock and openbanking.test_crash_point (make check sets it)
# PG_CONFIG    which PostgreSQL to build for (default: Debian's 15, else the one in PATH)

BUILDING = all install uninstall installcheck sandbox check-unit unit-tests verdicts fuzzers clean
JOBS     = demo bench check soak check-differential check-fuzz check-regress check-isolation check-tap lint format

all:

$(BUILDING):
	@+$(MAKE) --no-print-directory -f build.mk $@

# Whole jobs: they install what is missing, build, run on private clusters and leave nothing behind.
$(JOBS):
	@+scripts/$@

help:
	@echo "make                  build the extension"
	@echo "make install          install it into the PostgreSQL of PG_CONFIG"
	@echo "make demo             build, start a private cluster and the simulator, link, sync, show it"
	@echo "make bench            measure against COPY and the official npm client (scripts/bench --quick, scripts/bench a)"
	@echo "make check            all that follows"
	@echo "make soak             the random tests at length (scripts/soak --seeds N --kills N --days N --fuzz SECONDS)"
	@echo "make check-unit       unit tests under the address and undefined behaviour sanitizers"
	@echo "make check-differential  signed deliveries decided by our code and by the npm package jose"
	@echo "make check-fuzz       mutated tokens, keys and headers, some seconds each"
	@echo "make check-regress    SQL tests on a private cluster"
	@echo "make check-isolation  concurrency tests on a private cluster"
	@echo "make check-tap        crash, cancel and fault tests on private clusters"
	@echo "make lint             layers, exported symbols, SQL script rules, test lists, shell scripts"
	@echo "make installcheck     SQL tests on a running server"
	@echo "make sandbox          the simulator: build/openbanking-sandbox"
	@echo "make format           clang-format on what changed"

.PHONY: all $(BUILDING) $(JOBS) help
