-- Files beside Postgres hold what the rollups and a day's features hold (decision 52). They are
-- used only while nobody but the doors writes these tables: statements of others are counted.
CREATE TABLE features.cached_tables (
    table_group text PRIMARY KEY CHECK (table_group IN ('rollups', 'days')),
    warehouse_id uuid NOT NULL DEFAULT gen_random_uuid(),
    changes_count bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE features.cached_tables IS 'one row per group of tables that are kept in files too: what those files are compared with before they are used';
COMMENT ON COLUMN features.cached_tables.table_group IS 'rollups: features.customer_day, customer_product_day and product_category; days: features.customer_daily';
COMMENT ON COLUMN features.cached_tables.warehouse_id IS 'drawn once: files of another warehouse are not used';
COMMENT ON COLUMN features.cached_tables.changes_count IS 'statements that wrote to the tables and were none of the doors'' own, such as corrections by hand: after one, the files are made anew';
INSERT INTO features.cached_tables (table_group) VALUES ('rollups'), ('days');

CREATE FUNCTION features.count_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = features, pg_temp AS $$
BEGIN
    IF coalesce(current_setting('retention.cached_write', true), '') <> TG_ARGV[0] THEN
        UPDATE features.cached_tables SET changes_count = changes_count + 1
        WHERE table_group = TG_ARGV[0];
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION features.count_change IS 'counts a statement in features.cached_tables unless its transaction set retention.cached_write to the group of the table';

CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON features.customer_day FOR EACH STATEMENT EXECUTE FUNCTION features.count_change('rollups');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON features.customer_product_day
FOR EACH STATEMENT EXECUTE FUNCTION features.count_change('rollups');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON features.product_category FOR EACH STATEMENT EXECUTE FUNCTION features.count_change('rollups');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
ON features.customer_daily FOR EACH STATEMENT EXECUTE FUNCTION features.count_change('days');

-- A pass is read alone; its rows lie together.
CREATE INDEX customer_product_day_rollup_id ON features.customer_product_day USING brin (rollup_id);
