// The state of a connection, for statements that read ob.connections AS c.
#pragma once

/// A change that a worker has recorded holds already, although it is applied only once its caller's transaction ends.
/// What was done at the provider counts more than a failure met meanwhile.
#define OB_CONNECTION_STATE                                                                                            \
	"COALESCE((SELECT CASE o.kind WHEN 'remove' THEN 'disconnected' WHEN 'exchange' THEN 'active' "                    \
	"WHEN 'extend' THEN 'active' "                                                                                     \
	"ELSE o.request ->> 'new_state' END FROM ob.outcomes o "                                                           \
	"WHERE o.connection_id = c.id AND o.phase = 'recorded' "                                                           \
	"AND (o.kind = 'exchange' OR (o.kind = 'extend' AND c.state <> 'disconnected') "                                   \
	"OR (c.state NOT IN ('revoked', 'disconnected') AND (o.kind = 'remove' "                                           \
	"OR (o.request ->> 'new_state' IS NOT NULL AND (c.last_sync_at IS NULL OR c.last_sync_at < o.created_at))))) "     \
	"ORDER BY (o.kind = 'failure'), o.id DESC LIMIT 1), c.state)"
