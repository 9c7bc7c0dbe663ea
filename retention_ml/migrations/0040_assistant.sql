-- What the assistant was asked for. Its role may only add rows here, by the function below.
CREATE TABLE ops.assistant_calls (
    call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    called_at timestamptz NOT NULL,
    process_id text NOT NULL,
    transport text NOT NULL CHECK (transport IN ('stdio', 'http', 'memory')),
    database_role text NOT NULL,
    client text,
    request text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('answered', 'refused')),
    views text[] NOT NULL,
    rows_count bigint NOT NULL,
    is_cut boolean NOT NULL,
    as_of date,
    snapshot_id bigint,
    seconds double precision NOT NULL
);
COMMENT ON TABLE ops.assistant_calls IS 'one row per call of a tool, or reading of a resource, through retention mcp; without arguments, statements or rows';
COMMENT ON COLUMN ops.assistant_calls.call_id IS 'number of the call';
COMMENT ON COLUMN ops.assistant_calls.called_at IS 'when it was answered';
COMMENT ON COLUMN ops.assistant_calls.process_id IS 'the server process: drawn by lot when it starts';
COMMENT ON COLUMN ops.assistant_calls.transport IS 'stdio, http, or memory (tests)';
COMMENT ON COLUMN ops.assistant_calls.database_role IS 'the role that the server is connected as';
COMMENT ON COLUMN ops.assistant_calls.client IS 'name and version of the program that asked, as it calls itself; empty where it says none';
COMMENT ON COLUMN ops.assistant_calls.request IS 'the tool or resource; unknown where there is none of that name';
COMMENT ON COLUMN ops.assistant_calls.outcome IS 'answered, or refused: a sentence instead of rows';
COMMENT ON COLUMN ops.assistant_calls.views IS 'the views whose rows are in the answer';
COMMENT ON COLUMN ops.assistant_calls.rows_count IS 'how many rows it has';
COMMENT ON COLUMN ops.assistant_calls.is_cut IS 'whether there were more, or longer texts';
COMMENT ON COLUMN ops.assistant_calls.as_of IS 'newest published day then; empty without one';
COMMENT ON COLUMN ops.assistant_calls.snapshot_id IS 'its snapshot of scores';
COMMENT ON COLUMN ops.assistant_calls.seconds IS 'how long it took';

CREATE FUNCTION ops.record_assistant_call(
    called_at timestamptz, process_id text, transport text, client text, request text,
    outcome text, views text[], rows_count bigint, is_cut boolean, as_of date,
    snapshot_id bigint, seconds double precision
) RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO ops.assistant_calls (
        called_at, process_id, transport, database_role, client, request, outcome, views,
        rows_count, is_cut, as_of, snapshot_id, seconds
    )
    VALUES (
        called_at, process_id, transport, session_user, client, request, outcome, views,
        rows_count, is_cut, as_of, snapshot_id, seconds
    );
END;
REVOKE ALL ON FUNCTION ops.record_assistant_call FROM PUBLIC;
