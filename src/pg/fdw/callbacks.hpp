// The functions the server calls for foreign tables (FdwRoutine). Each is a door: it goes through entry().
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "foreign/fdwapi.h"
}

namespace ob::pg::fdw {

// plan.cpp
void get_foreign_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relation);
void get_foreign_paths(PlannerInfo *root, RelOptInfo *rel, Oid relation);
ForeignScan *get_foreign_plan(PlannerInfo *root, RelOptInfo *rel, Oid relation, ForeignPath *path, List *targets,
                              List *clauses, Plan *outer);

// scan.cpp
void begin_foreign_scan(ForeignScanState *node, int flags);
TupleTableSlot *iterate_foreign_scan(ForeignScanState *node);
void rescan_foreign_scan(ForeignScanState *node);
void end_foreign_scan(ForeignScanState *node);

// explain.cpp
void explain_foreign_scan(ForeignScanState *node, struct ExplainState *out);

// import.cpp
List *import_foreign_schema(ImportForeignSchemaStmt *statement, Oid server);

} // namespace ob::pg::fdw
