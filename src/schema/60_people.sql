-- What is kept about one end user: all of it, and its end. For ob.export_user and ob.erase_user, which see to rights,
-- providers and locks first.

-- Also those that came before the connection, or the link, was known here.
CREATE FUNCTION ob.person_events(of_user pg_catalog.text) RETURNS pg_catalog.int8[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
SELECT COALESCE(array_agg(found.event_id), '{}') FROM (
	SELECT e.event_id FROM ob.connections c JOIN ob.webhook_events e ON e.connection_id = c.id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.connections c
	JOIN ob.webhook_events e ON e.server = c.server AND e.provider_connection_id = c.provider_connection_id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.connections c JOIN ob.accounts_all a ON a.connection_id = c.id
	JOIN ob.webhook_events e ON e.server = c.server AND e.provider_connection_id = a.account_id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.links l JOIN ob.webhook_events e ON e.server = l.server AND e.link_digest = l.token_digest
	WHERE l.user_ref = of_user) found
$$;
COMMENT ON FUNCTION ob.person_events(pg_catalog.text) IS 'The events in ob.webhook_events that are about an end user.';

CREATE FUNCTION ob.person_data(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH banks AS (SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user),
	names AS (SELECT p.pseudonym FROM ob.audit_persons p WHERE p.user_ref = of_user)
SELECT jsonb_build_object('user_ref', of_user,
	'connections', (SELECT COALESCE(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') FROM ob.connections c WHERE c.user_ref = of_user),
	'accounts', (SELECT COALESCE(jsonb_agg(to_jsonb(a) - 'number_sealed' ORDER BY a.connection_id, a.account_id), '[]')
		FROM banks b JOIN ob.accounts_all a ON a.connection_id = b.id),
	'transactions', (SELECT COALESCE(jsonb_agg(to_jsonb(t) - 'sync_attempt' ORDER BY t.connection_id, t.account_id, t.date, t.transaction_id), '[]')
		FROM banks b JOIN ob.transactions_all t ON t.connection_id = b.id),
	'quarantine', (SELECT COALESCE(jsonb_agg(to_jsonb(q) - 'digest' ORDER BY q.connection_id, q.id), '[]')
		FROM banks b JOIN ob.quarantine q ON q.connection_id = b.id),
	'links', (SELECT COALESCE(jsonb_agg(to_jsonb(l) - '{url_sealed,token_sealed,verifier_sealed,token_digest,server_version}'::text[] ORDER BY l.created_at), '[]')
		FROM ob.links l WHERE l.user_ref = of_user),
	'webhook_events', (SELECT COALESCE(jsonb_agg(to_jsonb(e) - '{effect,link_digest}'::text[] ORDER BY e.event_id), '[]')
		FROM ob.webhook_events e WHERE e.event_id = ANY (ob.person_events(of_user))),
	'access_grants', (SELECT COALESCE(jsonb_agg(to_jsonb(g) ORDER BY g.actor, g.user_ref), '[]')
		FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref)),
	'audit_log', (SELECT COALESCE(jsonb_agg(to_jsonb(l) || jsonb_build_object('user_ip', a.user_ip, 'client_addr', a.client_addr) ORDER BY l.id), '[]')
		FROM ob.audit_log l LEFT JOIN ob.audit_addresses a ON a.audit_id = l.id
		WHERE l.person IN (SELECT n.pseudonym FROM names n) OR l.acting_person IN (SELECT n.pseudonym FROM names n)))
$$;
COMMENT ON FUNCTION ob.person_data(pg_catalog.text) IS 'All that is kept about an end user, secrets apart.';

CREATE FUNCTION ob.forget_person(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
	journeys text[];
	banks int8[];
	who jsonb := ob.acting();
	counts jsonb;
	accounts int8 := 0;
	transactions int8 := 0;
	bank int8;
	removed int8;
BEGIN
	-- First: they are found through what is deleted next.
	DELETE FROM ob.webhook_events e WHERE e.event_id = ANY (ob.person_events(of_user));
	-- A worker holds the row of a link until the exchange of what it brought has begun: from here on none begins, and those
	-- that began before are seen.
	WITH gone AS (
		DELETE FROM ob.links l WHERE l.user_ref = of_user
			OR l.connection_id IN (SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user)
		RETURNING l.link_id)
	SELECT COALESCE(array_agg(g.link_id), '{}') INTO journeys FROM gone g;
	PERFORM FROM ob.outcomes o WHERE o.link_id = ANY (journeys) AND o.kind = 'exchange' AND o.phase IN ('intent', 'answered');
	IF FOUND THEN
		RAISE EXCEPTION 'a bank is being linked for this end user' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Try again when ob.link_status says how it ended.';
	END IF;
	banks := ARRAY(SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user);
	SELECT count(*) INTO removed FROM ob.outcomes o
	WHERE o.link_id = ANY (journeys) AND o.phase = 'failed' AND o.sealed IS NOT NULL;
	IF removed > 0 THEN
		RAISE WARNING '% banks were linked at a provider and could not be stored here', removed
			USING HINT = 'Their tokens are forgotten with them; end them in the provider''s dashboard.';
	END IF;
	FOREACH bank IN ARRAY banks LOOP
		DELETE FROM ob.transactions_all t WHERE t.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		transactions := transactions + removed;
		DELETE FROM ob.accounts_all a WHERE a.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		accounts := accounts + removed;
		DELETE FROM ob.quarantine q WHERE q.connection_id = bank;
		DELETE FROM ob.sync_state s WHERE s.connection_id = bank;
		DELETE FROM ob.budgets b USING ob.connections c WHERE c.id = bank AND b.server = c.server AND b.connection_id = bank;
		DELETE FROM ob.tokens k WHERE k.subject = 'connection:' || bank;
	END LOOP;
	DELETE FROM ob.outcomes o WHERE o.connection_id = ANY (banks) OR o.link_id = ANY (journeys)
		OR (o.result ->> 'connection_id')::int8 = ANY (banks);
	DELETE FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref);
	DELETE FROM ob.connections c WHERE c.id = ANY (banks);
	DELETE FROM ob.audit_addresses a USING ob.audit_log l, ob.audit_persons p
	WHERE p.user_ref = of_user AND p.pseudonym IN (l.person, l.acting_person) AND a.audit_id = l.id;
	DELETE FROM ob.audit_persons p WHERE p.user_ref = of_user;
	counts := jsonb_build_object('connections', cardinality(banks), 'accounts', accounts, 'transactions', transactions,
		'links', cardinality(journeys));
	-- Who asks for his own end leaves no name behind by that.
	IF who ->> 'user_ref' = of_user THEN
		who := who - '{user_ref,client_addr}'::text[];
	END IF;
	PERFORM ob.record_audit('ERASED', details => counts, acting => who);
	RETURN counts;
END
$$;
COMMENT ON FUNCTION ob.forget_person(pg_catalog.text) IS 'Deletes all that is kept about an end user; of his lines in the audit log who he was and from where he came.';

-- Planner statistics would keep samples of what has been deleted.
ALTER TABLE ob.connections ALTER user_ref SET STATISTICS 0, ALTER provider_connection_id SET STATISTICS 0,
	ALTER consent_ip SET STATISTICS 0, ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.sync_state ALTER cursor SET STATISTICS 0, ALTER loop_cursor SET STATISTICS 0;
ALTER TABLE ob.accounts_all ALTER account_id SET STATISTICS 0, ALTER account_ref SET STATISTICS 0,
	ALTER name SET STATISTICS 0, ALTER official_name SET STATISTICS 0, ALTER mask SET STATISTICS 0, ALTER iban SET STATISTICS 0,
	ALTER number_sealed SET STATISTICS 0, ALTER raw SET STATISTICS 0, ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.transactions_all ALTER account_id SET STATISTICS 0, ALTER transaction_id SET STATISTICS 0,
	ALTER description SET STATISTICS 0, ALTER merchant_name SET STATISTICS 0, ALTER counterparty SET STATISTICS 0,
	ALTER reference SET STATISTICS 0, ALTER pending_transaction_id SET STATISTICS 0, ALTER raw SET STATISTICS 0,
	ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.quarantine ALTER account_id SET STATISTICS 0, ALTER transaction_id SET STATISTICS 0,
	ALTER digest SET STATISTICS 0, ALTER raw SET STATISTICS 0;
ALTER TABLE ob.links ALTER link_id SET STATISTICS 0, ALTER user_ref SET STATISTICS 0, ALTER options SET STATISTICS 0,
	ALTER url_sealed SET STATISTICS 0, ALTER token_sealed SET STATISTICS 0, ALTER verifier_sealed SET STATISTICS 0, ALTER token_digest SET STATISTICS 0,
	ALTER sdk SET STATISTICS 0, ALTER user_ip SET STATISTICS 0;
ALTER TABLE ob.tokens ALTER sealed SET STATISTICS 0;
ALTER TABLE ob.outcomes ALTER link_id SET STATISTICS 0, ALTER grant_digest SET STATISTICS 0, ALTER sealed SET STATISTICS 0,
	ALTER request SET STATISTICS 0, ALTER result SET STATISTICS 0, ALTER failure SET STATISTICS 0;
ALTER TABLE ob.access_grants ALTER actor SET STATISTICS 0, ALTER user_ref SET STATISTICS 0;
ALTER TABLE ob.audit_persons ALTER user_ref SET STATISTICS 0;
ALTER TABLE ob.audit_addresses ALTER user_ip SET STATISTICS 0, ALTER client_addr SET STATISTICS 0;
