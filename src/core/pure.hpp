// Included last by every header and source above pg/: breaks the build if a server header slipped in.
// Files below pg/ come here too; pg/postgres.hpp marks them. Not guarded against repeated inclusion on purpose.
#if defined(POSTGRES_H) && !defined(OB_SERVER_SIDE)
#error "this file belongs to the pure half: it must not see postgres.h"
#endif
