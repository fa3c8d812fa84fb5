-- Rows in every table of the extension, whatever its columns: each value of an enumeration, no two values of a column alike,
-- NULL in one row where that is allowed.
CREATE FUNCTION pg_temp.value_of(of_table regclass, of_column name) RETURNS text LANGUAGE sql AS
$$
	SELECT CASE WHEN a.attnotnull THEN v.value ELSE format('CASE WHEN i < 12 THEN %s END', v.value) END
	FROM pg_attribute a, LATERAL (SELECT COALESCE(
		(SELECT format('(%s)[1 + (i - 1) %% cardinality(%1$s)]', substring(pg_get_constraintdef(c.oid) FROM '= ANY \((ARRAY\[.*\])\)'))
			FROM pg_constraint c WHERE c.conrelid = of_table AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum]
			AND pg_get_constraintdef(c.oid) ~ '= ANY'),
		CASE a.atttypid::regtype::text
			WHEN 'text' THEN format('%L || i', 'a "' || a.attname || '" \ of ÄÖ, 名 ')
			WHEN 'name' THEN format('%L || i', a.attname)
			WHEN 'text[]' THEN 'ARRAY[NULL, '''', ''two'', i::text]'
			WHEN 'boolean' THEN 'i % 2 = 0'
			WHEN 'integer' THEN '2147483647 - i'
			WHEN 'bigint' THEN '9223372036854775807 - i'
			WHEN 'oid' THEN '4294967295 - i'
			WHEN 'numeric' THEN '(i - 6) * 12345678901234567890.1234567890'
			WHEN 'date' THEN 'date ''2024-02-28'' + i'
			WHEN 'timestamp with time zone' THEN 'timestamptz ''2024-02-28 23:59:59.999999+00'' + i * interval ''1 day'''
			WHEN 'interval' THEN 'i * interval ''1 month 1 day 1 hour'''
			WHEN 'inet' THEN 'inet ''2001:db8::'' + i'
			WHEN 'uuid' THEN format('md5(%L || i)::uuid', a.attname)
			WHEN 'bytea' THEN 'decode(repeat(''00ff5c27'', i), ''hex'')'
			WHEN 'jsonb' THEN 'jsonb_build_object(''row'', i, ''text'', ''"ÄÖ, 名'', ''amount'', 0.10, ''none'', NULL)'
		END)) v (value)
	WHERE a.attrelid = of_table AND a.attname = of_column
$$;

DO $$
DECLARE
	target regclass;
	command text;
	filled bool;
BEGIN
	FOR target IN SELECT c.oid FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
		WHERE c.relkind = 'r' AND d.refclassid = 'pg_extension'::regclass
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s)', target) INTO filled;
		CONTINUE WHEN filled;
		SELECT format('INSERT INTO %s (%s) SELECT %s FROM generate_series(1, 12) i', target,
				string_agg(quote_ident(attname), ', ' ORDER BY attnum),
				string_agg(COALESCE(pg_temp.value_of(target, attname), '"no value for this type"'), ', ' ORDER BY attnum))
			INTO command FROM pg_attribute
			WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = '';
		EXECUTE command;
	END LOOP;
END $$;
