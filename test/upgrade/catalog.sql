-- All that the extension consists of in this database, where nothing else has been made, a line each: two databases that
-- got there on different ways must say the same.
WITH names AS NOT MATERIALIZED (
	SELECT c.oid, c.relkind, c.oid::regclass::text AS name FROM pg_class c
	WHERE c.oid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace
), rights (object, acl) AS (
	SELECT 'schema ' || nspname, COALESCE(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
	UNION ALL SELECT n.name, COALESCE(relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
		FROM names n JOIN pg_class c USING (oid) WHERE c.relkind <> 'i'
	UNION ALL SELECT n.name || '.' || attname, attacl FROM names n JOIN pg_attribute ON attrelid = oid WHERE attacl IS NOT NULL
	UNION ALL SELECT oid::regprocedure::text, COALESCE(proacl, acldefault('f', proowner)) FROM pg_proc WHERE oid >= 16384
	UNION ALL SELECT 'wrapper ' || fdwname, COALESCE(fdwacl, acldefault('F', fdwowner)) FROM pg_foreign_data_wrapper WHERE oid >= 16384
	UNION ALL SELECT format('by default %s %s', defaclobjtype, defaclnamespace::regnamespace), defaclacl FROM pg_default_acl
	UNION ALL SELECT 'at first ' || (pg_identify_object(classoid, objoid, objsubid)).identity, initprivs FROM pg_init_privs WHERE objoid >= 16384
), lines (kind, line) AS (
	SELECT 'extension', format('%s in %s, relocatable %s', e.extversion, e.extnamespace::regnamespace, e.extrelocatable) FROM pg_extension e
		WHERE e.extname = 'openbanking'
	UNION ALL SELECT 'dumped', format('%s %L', d.config::regclass, d.condition)
		FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS d (config, condition) WHERE e.extname = 'openbanking'
	UNION ALL SELECT 'schema', format('%s of %s', nspname, nspowner::regrole) FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
	UNION ALL SELECT 'relation', format('%s: %s of %s, persistence %s, access %s, options %s, of its toast %s, row security %s %s, identity %s',
			n.name, c.relkind, c.relowner::regrole, c.relpersistence, (SELECT amname FROM pg_am a WHERE a.oid = c.relam), c.reloptions,
			(SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid), c.relrowsecurity, c.relforcerowsecurity, c.relreplident)
		FROM names n JOIN pg_class c USING (oid)
	UNION ALL SELECT 'column', format('%s.%s %s%s, default %s, identity %s, generated %s, collation %s, storage %s %s, statistics %s, options %s',
			n.name, a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attnotnull THEN ' NOT NULL' END, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
			a.attcollation::regcollation, a.attstorage, a.attcompression, NULLIF(a.attstattarget, -1),
			-- What a user can set; servers may note things of their own there.
			ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o LIKE 'n_distinct%'))
		FROM names n JOIN pg_attribute a ON a.attrelid = n.oid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT 'columns', format('%s: %s', n.name, string_agg(attname, ' ' ORDER BY attnum))
		FROM names n JOIN pg_attribute ON attrelid = oid WHERE attnum > 0 AND NOT attisdropped GROUP BY n.name
	UNION ALL SELECT 'constraint', format('%s: %s %s, valid %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
		FROM pg_constraint WHERE oid >= 16384
	UNION ALL SELECT 'index', format('%s, valid %s, clustered %s, identity %s', pg_get_indexdef(indexrelid), indisvalid, indisclustered, indisreplident)
		FROM names JOIN pg_index ON indexrelid = oid
	UNION ALL SELECT 'sequence', format('%s %s %s %s %s %s %s', n.name, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle)
		FROM names n JOIN pg_sequence ON seqrelid = oid
	UNION ALL SELECT 'view', format('%s: %s', name, pg_get_viewdef(oid)) FROM names WHERE relkind = 'v'
	UNION ALL SELECT 'rule', pg_get_ruledef(oid) FROM pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN'
	UNION ALL SELECT 'trigger', format('%s, enabled %s', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE oid >= 16384 AND NOT tgisinternal
	UNION ALL SELECT 'event trigger', format('%s on %s when %s: %s of %s, enabled %s', evtname, evtevent, evttags, evtfoid::regprocedure,
		evtowner::regrole, evtenabled) FROM pg_event_trigger
	UNION ALL SELECT 'policy', format('%s on %s for %s to %s, permissive %s, using %s, with check %s', polname, polrelid::regclass, polcmd,
		polroles::regrole[], polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
	UNION ALL SELECT 'function', format('of %s: %s', proowner::regrole, pg_get_functiondef(oid)) FROM pg_proc WHERE oid >= 16384
	UNION ALL SELECT 'wrapper', format('%s of %s: %s %s %s', fdwname, fdwowner::regrole, fdwhandler::regproc, fdwvalidator::regproc, fdwoptions)
		FROM pg_foreign_data_wrapper WHERE oid >= 16384
	UNION ALL SELECT 'right', format('%s: %s to %s%s', object, privilege_type, NULLIF(grantee, 0)::regrole, CASE WHEN is_grantable THEN ' to pass on' END)
		FROM rights, aclexplode(acl) a WHERE a.grantee IN (0, a.grantor)
	UNION ALL SELECT 'comment', format('on %s: %s', pg_describe_object(classoid, objoid, objsubid), description) FROM pg_description WHERE objoid >= 16384
	UNION ALL SELECT 'label', format('%s %s %s', pg_describe_object(classoid, objoid, objsubid), provider, label) FROM pg_seclabel WHERE objoid >= 16384
	UNION ALL SELECT 'dependency', format('%s on %s: %s', pg_describe_object(classid, objid, objsubid),
			pg_describe_object(refclassid, refobjid, refobjsubid), deptype)
		FROM pg_depend WHERE objid >= 16384 AND pg_describe_object(classid, objid, objsubid) !~ 'pg_toast'
	-- Of these a description is still to be written here.
	UNION ALL SELECT 'not described', pg_describe_object(classid, objid, 0) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND objid >= 16384
		AND classid NOT IN ('pg_namespace'::regclass, 'pg_class'::regclass, 'pg_proc'::regclass, 'pg_foreign_data_wrapper'::regclass,
			'pg_event_trigger'::regclass)
		AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND (t.typrelid <> 0 OR t.typelem <> 0))
)
SELECT DISTINCT kind || ' ' || replace(line, E'\n', E'\\n') FROM lines ORDER BY 1;
