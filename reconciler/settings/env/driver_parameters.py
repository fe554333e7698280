"""The parameters that a DATABASE_URL may carry: those of PostgreSQL's own library, and those of other drivers."""

OURS = frozenset({
    "application_name", "client_encoding", "connect_timeout", "fallback_application_name", "keepalives_count",
    "keepalives_idle", "keepalives_interval", "tcp_user_timeout",
})  # fmt: skip
"""libpq knows them, and we set them ourselves: how long we wait decides what a pass may begin."""
LIBPQ = frozenset({
    "channel_binding", "dbname", "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
    "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "options", "passfile",
    "password", "port", "require_auth", "requirepeer", "scram_client_key", "scram_server_key", "sslcert",
    "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
    "sslrootcert", "sslsni", "ssl_max_protocol_version", "ssl_min_protocol_version", "target_session_attrs", "user",
})  # fmt: skip
"""Passed on as they are (PostgreSQL docs, Parameter Key Words)."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSIONS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_PRISMA = """
    connection_limit max_connection_lifetime max_idle_connection_lifetime pgbouncer pool_timeout schema
    single_use_connections socket_timeout sslaccept sslidentity statement_cache_size
"""
_JDBC = """
    adaptivefetch allowencodingchanges applicationname assumeminserverversion authenticationpluginclassname autosave
    binarytransfer binarytransferdisable binarytransferenable cancelsignaltimeout charset cleanupsavepoints
    connecttimeout currentschema databasemetadatacachefields databasemetadatacachefieldsmib defaultrowfetchsize
    disablecolumnsanitiser escapesyntaxcallmode groupstartupparameters gssencmode gssresponsetimeout
    hideunprivilegedobjects hostrecheckseconds jaasapplicationname jaaslogin kerberosservername loadbalancehosts
    localsocketaddress loggerfile loggerlevel logintimeout logservererrordetail logunclosedconnections
    maxresultbuffer maxsendbuffersize preferquerymode preparedstatementcachequeries preparedstatementcachesizemib
    preparethreshold protocolversion quotereturningidentifiers readonly readonlymode receivebuffersize
    rewritebatchedinserts sendbuffersize socketfactory socketfactoryarg sockettimeout sslfactory sslfactoryarg
    sslhostnameverifier sslpasswordcallback sslresponsetimeout sspiserviceclass stringtype targetservertype
    tcpkeepalive tcpnodelay unknownlength usespnego xmlfactoryfactory
"""
_PYTHON = """
    async_fallback autocommit command_timeout conn_health_checks conn_max_age direct_tls executemany_mode
    isolation_level max_cacheable_statement_size max_cached_statement_lifetime max_overflow max_queries max_size
    min_size pool_pre_ping pool_recycle pool_size prepare_threshold prepared_statement_cache_size
    prepared_statement_name_func server_settings timeout
"""
_JAVASCRIPT = """
    connection_timeout connectiontimeoutmillis idle_in_transaction_session_timeout idle_timeout idletimeoutmillis
    keepalive keepaliveinitialdelaymillis lock_timeout max max_lifetime min query_timeout statement_timeout
    uselibpqcompat
"""
_OTHERS = """
    adapter binary_parameters checkout_timeout currentschemas default_query_exec_mode description_cache_capacity
    disable_prepared_binary_result encoding fetch_size idle_max_lifetime log_level pool pool_health_check_period
    pool_max_conn_idle_time pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conns pool_min_conns
    pool_mode pooler pooling prepare prepared_statements reaping_frequency search_path serverversion
    simple_protocol statement_cache_capacity statement_limit supa timezone variables workaround
"""
FOREIGN = frozenset(" ".join((_PRISMA, _JDBC, _PYTHON, _JAVASCRIPT, _OTHERS)).split()) - LIBPQ
"""In lower case: Prisma; pgjdbc and R2DBC; asyncpg, SQLAlchemy and Django; node-postgres and postgres.js; Rails, Go,
Rust, PHP, Supabase and Vercel. They tune that driver's own pool and caches, which we do not have."""
TLS_OF_OTHERS = frozenset({
    "sslaccept", "sslcert", "sslfactory", "sslhostnameverifier", "sslidentity", "sslpassword",
})  # fmt: skip
"""Those of them that say how the server is verified: dropping one must not pass for having done that."""
