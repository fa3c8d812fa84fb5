// The foreign data wrapper's handler. Live tables can be read only: without the functions for it the server refuses
// every change, and without IsForeignScanParallelSafe a worker never scans one.
#include "pg/entry.hpp"

#include "pg/fdw/callbacks.hpp"

OB_FUNCTION(ob_fdw_handler) {
	using namespace ob::pg::fdw;
	FdwRoutine *routine = ob::pg::guard([] { return makeNode(FdwRoutine); });
	routine->GetForeignRelSize = get_foreign_rel_size;
	routine->GetForeignPaths = get_foreign_paths;
	routine->GetForeignPlan = get_foreign_plan;
	routine->BeginForeignScan = begin_foreign_scan;
	routine->IterateForeignScan = iterate_foreign_scan;
	routine->ReScanForeignScan = rescan_foreign_scan;
	routine->EndForeignScan = end_foreign_scan;
	routine->ExplainForeignScan = explain_foreign_scan;
	routine->ImportForeignSchema = import_foreign_schema;
	PG_RETURN_POINTER(routine);
}
