// Included last by every header and source above pg/: breaks the build if a server header slipped in.
// Not guarded against repeated inclusion on purpose, so each inclusion checks again.
#ifdef POSTGRES_H
#error "this file belongs to the pure half: it must not see postgres.h"
#endif
