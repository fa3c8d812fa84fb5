#include "pg/store/owner.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

#include <exception>

#include "pg/guard.hpp"

namespace ob::pg::store {

namespace {

/// Owner of schema ob. Server regime.
Oid owner() {
	HeapTuple tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("ob"));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"ob\" does not exist"),
		                errhint("CREATE EXTENSION openbanking;")));
	const Oid role = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return role;
}

void set_local(const char *name, const char *value) {
	(void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

struct Saved {
	Oid role;
	int security;
	int settings;
};

Saved enter() {
	Saved saved;
	const Oid role = owner();
	GetUserIdAndSecContext(&saved.role, &saved.security);
	saved.settings = NewGUCNestLevel();
	SetUserIdAndSecContext(role, saved.security | SECURITY_LOCAL_USERID_CHANGE);
	set_local("search_path", "pg_catalog, pg_temp");
	// A generic plan made while a table was empty must not read it whole for ever after.
	set_local("enable_seqscan", "off");
	set_local("enable_hashjoin", "off");
	set_local("enable_mergejoin", "off");
	set_local("enable_material", "off");
	set_local("enable_bitmapscan", "off"); // reads all of what a LIMIT wants the first of
	// A table that is read whole all the same seems to cost so much that compiling would take a second.
	set_local("jit", "off");
	return saved;
}

void leave(const Saved &saved) {
	AtEOXact_GUC(false, saved.settings);
	SetUserIdAndSecContext(saved.role, saved.security);
}

} // namespace

void as_owner(const std::function<void()> &body) {
	const Saved saved = guard([] { return enter(); });
	std::exception_ptr error;
	try {
		body();
	} catch (...) {
		error = std::current_exception();
	}
	guard([&] { leave(saved); });
	if (error)
		std::rethrow_exception(error);
}

void limit_lock_waits() {
	constexpr int kMilliseconds = 2000;
	guard([] {
		if (LockTimeout == 0 || LockTimeout > kMilliseconds)
			set_local("lock_timeout", "2s");
	});
}

void give_way_to_locks() {
	constexpr int kMilliseconds = 200;
	guard([] {
		if (LockTimeout == 0 || LockTimeout > kMilliseconds)
			set_local("lock_timeout", "200ms");
	});
}

std::string current_role() {
	const char *name = guard([] { return GetUserNameFromId(GetUserId(), false); });
	return name;
}

} // namespace ob::pg::store
