// The module's entry point. Server regime: no library work here, it may run before the fork.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/builtins.h"
}

#include "pg/entry.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/version.hpp"

extern "C" {
// Declared with default visibility first: everything is hidden otherwise.
__attribute__((visibility("default"))) extern const Pg_magic_struct *PG_MAGIC_FUNCTION_NAME(void);
PG_MODULE_MAGIC;
__attribute__((visibility("default"))) void _PG_init(void);
}

extern "C" void _PG_init(void) {
	ob::pg::settings::define();
	ob::pg::watch_catalog();
}

OB_FUNCTION(ob_version) {
	return ob::pg::guard([] { return CStringGetTextDatum(ob::pg::kVersion); });
}
