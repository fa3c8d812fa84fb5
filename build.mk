# Building, with PGXS. Included by nobody: Makefile calls it, once what it needs is installed.

EXTENSION    = openbanking
EXTVERSION   = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" openbanking.control)
PG_CONFIG   ?= $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)

FLAVOUR      = $(if $(TEST_BUILD),test,release)
BUILD        = build/$(FLAVOUR)
SCRIPT       = openbanking--$(EXTVERSION).sql

PURE_SRC     = $(sort $(foreach d,core json crypto http providers webhook sync,$(wildcard src/$d/*.cpp src/$d/*/*.cpp)))
SERVER_SRC   = $(sort $(wildcard src/pg/*.cpp src/pg/*/*.cpp))
SANDBOX_SRC  = $(sort $(wildcard test/sandbox/*.cpp test/sandbox/*/*.cpp))
UNIT_SRC     = $(sort $(wildcard test/unit/*.cpp))
SCHEMA_SRC   = $(sort $(wildcard src/schema/*.sql))

PURE_OBJ     = $(PURE_SRC:%.cpp=$(BUILD)/%.o)
SERVER_OBJ   = $(SERVER_SRC:%.cpp=$(BUILD)/%.o)
PURE_LIB     = $(BUILD)/libopenbanking.a

OBJS         = $(SERVER_OBJ)
MODULE_big   = openbanking
DATA_built   = $(SCRIPT)
# Former versions, and the scripts that bring them up.
DATA         = $(sort $(wildcard src/schema/versions/*.sql))
# The program that seals secrets outside of the database; installed beside psql.
SCRIPTS_built = openbanking-seal
SHLIB_LINK   = $(PURE_LIB) $(PURE_LIBS) -lstdc++ -Wl,--version-script=src/exports.map
PURE_LIBS    = -lcurl -lssl -lcrypto -ljansson -lsimdjson
EXTRA_CLEAN  = build $(SCRIPT)

REGRESS      = $(basename $(notdir $(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --inputdir=. --load-extension=openbanking

# Bitcode would gain nothing here.
override with_llvm = no
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

WARNINGS     = -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough $(if $(WERROR),-Werror)
# In the pure half only: the server's macros convert at will and its type names shadow ours.
PURE_WARN    = $(WARNINGS) -Wconversion -Wshadow
CXXSTD       = -std=c++20
OB_CXXFLAGS  = $(CXXSTD) -O2 -g -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -fno-strict-aliasing -Isrc \
               $(if $(TEST_BUILD),-DOB_TEST_BUILD) $(CXXFLAGS_EXTRA)
# -g1 keeps the lines that the sanitizers name. What only tests is not optimised: that halves the time it takes to build.
SAN_FLAGS    = $(CXXSTD) -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
               -Isrc -Itest -DOB_TEST_BUILD

# ---- the module ----

$(shlib): $(PURE_LIB) src/exports.map

$(PURE_LIB): $(PURE_OBJ)
	rm -f $@ && ar rcs $@ $^

$(SERVER_OBJ): $(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(OB_CXXFLAGS) $(WARNINGS) -Wno-register -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD -MP -c $< -o $@

$(PURE_OBJ): $(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(OB_CXXFLAGS) $(PURE_WARN) -MMD -MP -c $< -o $@

$(SCRIPT): $(SCHEMA_SRC) openbanking.control
	cat $(SCHEMA_SRC) > $@

# Switching between release and test build must relink, although the module's name is the same.
FLAVOUR_STAMP = build/flavour
$(shlib): $(FLAVOUR_STAMP)
$(FLAVOUR_STAMP): .force
	@mkdir -p build; echo $(FLAVOUR) | cmp -s - $@ || echo $(FLAVOUR) > $@
.force:
.PHONY: .force

# ---- openbanking-seal ----

SEAL_OBJ     = $(BUILD)/src/seal/main.o
$(SEAL_OBJ): $(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(OB_CXXFLAGS) $(PURE_WARN) -MMD -MP -c $< -o $@
openbanking-seal: $(SEAL_OBJ) $(PURE_LIB) $(FLAVOUR_STAMP)
	$(CXX) -o $@ $(SEAL_OBJ) $(PURE_LIB) -Wl,--as-needed $(PURE_LIBS)

# ---- the simulator ----

sandbox: build/openbanking-sandbox
SANDBOX_OBJ = $(SANDBOX_SRC:%.cpp=build/sandbox/%.o)
$(SANDBOX_OBJ): build/sandbox/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXSTD) -O2 -g $(PURE_WARN) -Itest -MMD -MP -c $< -o $@
build/openbanking-sandbox: $(SANDBOX_OBJ)
	$(CXX) -o $@ $^ -lcpp-httplib -ljansson -lssl -lcrypto -lpthread

# ---- what decides deliveries for the comparison with another implementation ----

verdicts: build/webhook-verdicts
build/webhook-verdicts: test/differential/verdicts.cpp $(PURE_LIB)
	$(CXX) $(CXXSTD) -O2 -g $(PURE_WARN) -Isrc -MMD -MP -MF build/webhook-verdicts.d -o $@ $< $(PURE_LIB) -Wl,--as-needed $(PURE_LIBS)

# ---- unit tests, under the address and undefined behaviour sanitizers ----

SAN_PURE_OBJ    = $(PURE_SRC:%.cpp=build/san/%.o)
SAN_UNIT_OBJ    = $(UNIT_SRC:%.cpp=build/san/%.o)
SAN_SANDBOX_OBJ = $(filter-out build/san/test/sandbox/main.o,$(SANDBOX_SRC:%.cpp=build/san/%.o))
$(SAN_PURE_OBJ): OPTIMISE = -O1
$(SAN_UNIT_OBJ) $(SAN_SANDBOX_OBJ): OPTIMISE = -O0
$(SAN_PURE_OBJ) $(SAN_UNIT_OBJ) $(SAN_SANDBOX_OBJ): build/san/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(SAN_FLAGS) $(OPTIMISE) $(PURE_WARN) -MMD -MP -c $< -o $@
build/unit-tests: $(SAN_UNIT_OBJ) $(SAN_PURE_OBJ) $(SAN_SANDBOX_OBJ)
	$(CXX) $(SAN_FLAGS) -o $@ $^ $(PURE_LIBS) -lcpp-httplib -lgtest -lgtest_main -lpthread
UNIT_ARGS ?= --gtest_brief=1
unit-tests: build/unit-tests
check-unit: build/unit-tests
	build/unit-tests $(UNIT_ARGS)

# ---- fuzz targets: one for each test/fuzz/NAME.cpp, with clang's libFuzzer ----

CLANGXX     ?= clang++
FUZZ_FLAGS   = $(CXXSTD) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Isrc
FUZZ_SRC     = $(sort $(wildcard test/fuzz/*.cpp))
FUZZ_BIN     = $(FUZZ_SRC:test/fuzz/%.cpp=build/fuzz/%)
FUZZ_OBJ     = $(patsubst %.cpp,build/fuzz/%.o,$(filter src/core/% src/json/% src/crypto/% src/webhook/%,$(PURE_SRC)) \
               src/http/response.cpp src/providers/webhook_payload.cpp src/providers/plaid/webhook_events.cpp \
               src/providers/plaid/errors.cpp src/providers/truelayer/webhook_events.cpp src/providers/truelayer/times.cpp)
fuzzers: $(FUZZ_BIN)
$(FUZZ_OBJ) $(FUZZ_SRC:%.cpp=build/fuzz/%.o): build/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	$(CLANGXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(FUZZ_BIN): build/fuzz/%: build/fuzz/test/fuzz/%.o $(FUZZ_OBJ)
	$(CLANGXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -Wl,--as-needed $(PURE_LIBS)

-include $(shell find build -name '*.d' 2>/dev/null)

