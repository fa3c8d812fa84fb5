// The server's headers, as every file under pg/ meets them. The only place that includes postgres.h; must come first.
#pragma once

#define OB_SERVER_SIDE // core/pure.hpp: what follows may see postgres.h

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/elog.h"
#include "utils/memutils.h"
}

#include "pg/compat.hpp"
