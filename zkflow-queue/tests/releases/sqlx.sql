CREATE TABLE circuits (
        id TEXT PRIMARY KEY,
        circuit_hash TEXT NOT NULL UNIQUE,
        template TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    , tenant TEXT NOT NULL DEFAULT 'default') STRICT;
INSERT INTO circuits VALUES('98fd49a3dac8762bde0dbe496b5d0d4d','98fd49a3dac8762bde0dbe496b5d0d4dd682634ee90c7ed1c4900a9d04c03554','rangeCheck','ready',1795728707734,4,'{"_id":"98fd49a3dac8762bde0dbe496b5d0d4d","circuit_hash":"98fd49a3dac8762bde0dbe496b5d0d4dd682634ee90c7ed1c4900a9d04c03554","template":"rangeCheck","params":{"bits":64,"max":120,"min":18},"status":"ready","stage":"done","attempt":1,"timings":{"compile":283,"setup":4257,"store":159},"error":null,"created_at":"2026-11-26T21:31:47.734Z","updated_at":"2026-11-26T21:31:52.490Z","epoch":4,"tenant":"default","origin":{"request_id":"01a219c5-908b-729d-9157-bdfe4176e55d"},"artifacts":{"circuit.circom":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/circuit.circom","size":1327,"sha256":"6c7ede3956e17ed7d7f7e041c2d2b0bf386b77c5ece261e2195b4ca47c05b65f"},"circuit.r1cs":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/circuit.r1cs","size":32832,"sha256":"62a8616d83f7b7034c20935ab4a8c5ec4adec896971cf5b1aeae332bd8f572af"},"circuit.sym":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/circuit.sym","size":7205,"sha256":"d4da76375d0557ff63ba4fe6a29b26b83801d847e753bf20e2d924ef93110666"},"circuit.tape":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/circuit.tape","size":24308,"sha256":"18ee550d0d297ef32bd33b090c1aee5a1fcae73c1caaaf6f0cbe03ee2bc4dc4f"},"circuit.wasm":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/circuit.wasm","size":39865,"sha256":"d7d5a1ca1052f4ec208ce8c7fcef631c16dc1993edfa39a76314e9cf4877de8c"},"proving_key.zkey":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/proving_key.zkey","size":108088,"sha256":"1db2c9bb4b4e9d809211ea76a2de4975c927210c00752a6e5302b0b10ed56922"},"setup.json":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/setup.json","size":1390,"sha256":"58052e618b4726a2db2bd3c22c92565378086eec7288a1e84cebe44dee5be9ae"},"verification_key.json":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/verification_key.json","size":2925,"sha256":"9271064b0339e9be9f3aec29741ec36673a1d5bbc7065357c27d4ab96792319a"},"verifier.sol":{"key":"circuits/98fd49a3dac8762bde0dbe496b5d0d4d/01a219c5-9098-71b5-a7e8-f3a72d21201c-1/verifier.sol","size":5669,"sha256":"6ed894ea51b01e15574e8ff253cbce89f7c6759d9acd5194c06df7982c33b20e"}},"report":{"nonLinearConstraints":195,"linearConstraints":9,"wires":202,"publicInputs":1,"publicInputNames":["randomPublicSignal"],"privateInputs":1,"outputs":0,"domainSize":256,"provingKeyBytes":107676,"proverMemoryBytes":558456,"warnings":[]},"provenance":"development","visibility":"tenant","deployment":null}','default');
CREATE TABLE proofs (
        id TEXT PRIMARY KEY,
        circuit_id TEXT NOT NULL,
        user_id TEXT,
        status TEXT NOT NULL,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    , tenant TEXT NOT NULL DEFAULT 'default') STRICT;
INSERT INTO proofs VALUES('01a219c5-a3ca-7de6-9f26-c40e754db983','98fd49a3dac8762bde0dbe496b5d0d4d','ann','completed','done',1795728712650,1796333512650,3,'{"_id":"01a219c5-a3ca-7de6-9f26-c40e754db983","circuit_id":"98fd49a3dac8762bde0dbe496b5d0d4d","user_id":"ann","status":"completed","stage":"done","attempt":1,"timings":{"prove":24,"witness":4},"error":null,"created_at":"2026-11-26T21:31:52.650Z","updated_at":"2026-11-26T21:31:52.848Z","epoch":3,"tenant":"default","origin":{"request_id":"01a219c5-a3af-704b-a45c-7d73c3b9e6b5"},"artifacts":{"proof":{"curve":"bn128","pi_a":["14865257264912312567755428766317781905255779127536015851060913723602846512182","12786026851343206507693950256918069974074261487841866715013663905938180654566","1"],"pi_b":[["11539745148592301346734520855396558881407972258005326565567381728142404817423","1116722809558163662671258579286593922328999178788928811571023618899028421936"],["15064444416224337567668396620403386554684849058510676098750087137502481302401","18107979878943664525313076880629368915293330088278341768752736267624015578835"],["1","0"]],"pi_c":["15605045166678607962563248619542428268269235064695017588225463730377928972710","15351940782601654560297410880269053058325176634632507472201622040047909413778","1"],"protocol":"groth16"},"public_signals":["7"],"proving_key":"1db2c9bb4b4e9d809211ea76a2de4975c927210c00752a6e5302b0b10ed56922","prover":"native"},"idempotency":{"key":"done","fingerprint":"afab85a03b8168615864ee44a245f834946962dbc276f01ec57a34e5f62d390a"},"expires_at":"2026-12-03T21:31:52.650Z"}','default');
INSERT INTO proofs VALUES('01a219c5-a413-75c2-b66a-ebccfa2b4f66','98fd49a3dac8762bde0dbe496b5d0d4d','ann','failed','failed',1795728712723,1796333512723,2,'{"_id":"01a219c5-a413-75c2-b66a-ebccfa2b4f66","circuit_id":"98fd49a3dac8762bde0dbe496b5d0d4d","user_id":"ann","status":"failed","stage":"witness","attempt":1,"timings":{},"error":{"code":"constraint_failed","message":"a constraint of the circuit is not satisfied: template RangeCheck, line 24"},"created_at":"2026-11-26T21:31:52.723Z","updated_at":"2026-11-26T21:31:52.817Z","epoch":2,"tenant":"default","origin":{"request_id":"01a219c5-a40b-76d0-8544-679a385b4495"},"artifacts":null,"idempotency":{"key":"failed","fingerprint":"3a36e2b28b4b6b511c61a03e9b6edb4df28e9fe546bc022471400d98faaf7433"},"expires_at":"2026-12-03T21:31:52.723Z"}','default');
INSERT INTO proofs VALUES('01a219da-7ac3-72f5-bdc1-e38252545725','98fd49a3dac8762bde0dbe496b5d0d4d','ann','pending','pending-30',1795730078403,1796334878403,0,'{"_id":"01a219da-7ac3-72f5-bdc1-e38252545725","circuit_id":"98fd49a3dac8762bde0dbe496b5d0d4d","user_id":"ann","status":"pending","stage":"queued","attempt":0,"timings":{},"error":null,"created_at":"2026-11-26T21:54:38.403Z","updated_at":"2026-11-26T21:54:38.403Z","epoch":0,"tenant":"default","origin":{"request_id":"01a219da-7ac1-73d8-9674-9df1ff0387e9"},"artifacts":null,"idempotency":{"key":"pending-30","fingerprint":"adec96385d3fa6830ad58ce1d7ab7cb07346c82ea84e8c984f845f0b692d2966"},"expires_at":"2026-12-03T21:54:38.403Z"}','default');
INSERT INTO proofs VALUES('01a219da-7ae5-7ec1-8c1b-d5104f661749','98fd49a3dac8762bde0dbe496b5d0d4d','ann','pending','pending-31',1795730078437,1796334878437,0,'{"_id":"01a219da-7ae5-7ec1-8c1b-d5104f661749","circuit_id":"98fd49a3dac8762bde0dbe496b5d0d4d","user_id":"ann","status":"pending","stage":"queued","attempt":0,"timings":{},"error":null,"created_at":"2026-11-26T21:54:38.437Z","updated_at":"2026-11-26T21:54:38.437Z","epoch":0,"tenant":"default","origin":{"request_id":"01a219da-7ae2-71d5-bcf9-bc18b365b911"},"artifacts":null,"idempotency":{"key":"pending-31","fingerprint":"8c451bf30d5ba41fbb4b4cdd916b1a44559907615311ba0c0a2b5ea40c248bb8"},"expires_at":"2026-12-03T21:54:38.437Z"}','default');
CREATE TABLE deployments (
        id TEXT PRIMARY KEY,
        circuit_id TEXT NOT NULL,
        status TEXT NOT NULL,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    , tenant TEXT NOT NULL DEFAULT 'default') STRICT;
CREATE TABLE installation (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        id TEXT NOT NULL
    ) STRICT;
INSERT INTO installation VALUES(1,'01a219c5-37f6-7ff9-ae27-b1f091cd6d31');
CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        tenant TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        last_used_at INTEGER
    ) STRICT;
INSERT INTO api_keys VALUES('01a219da-7663-7a0d-a9ad-ea402336e30a','c4b97bcc6e6e275ba7da976f79b8ffadc6bc29b02e453ede981133c22eb37011','CI','acme','["proofs:create","proofs:read"]',1795730077283,NULL,NULL,NULL);
CREATE TABLE queue_schema (version INTEGER NOT NULL) STRICT;
INSERT INTO queue_schema VALUES(1);
INSERT INTO queue_schema VALUES(2);
CREATE TABLE queue_jobs (
        id TEXT PRIMARY KEY,
        queue TEXT NOT NULL,
        subject TEXT NOT NULL,
        dedup_key TEXT,
        priority INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        run_at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'dead')),
        lease_until INTEGER CHECK ((lease_until IS NOT NULL) = (state = 'leased')),
        nonce TEXT CHECK ((nonce IS NOT NULL) = (state = 'leased')),
        dead_at INTEGER CHECK ((dead_at IS NOT NULL) = (state = 'dead')),
        last_error TEXT
    , user_id TEXT, round INTEGER) STRICT;
INSERT INTO queue_jobs VALUES('01a219da-7acf-75cb-a9bd-ec4dfa50f59e','proof-generation','01a219da-7ac3-72f5-bdc1-e38252545725','01a219da-7ac3-72f5-bdc1-e38252545725',0,0,3,1795730078415,1795730078415,'waiting',NULL,NULL,NULL,NULL,'ann',NULL);
INSERT INTO queue_jobs VALUES('01a219da-7aea-7076-8f1a-b91ce9f937de','proof-generation','01a219da-7ae5-7ec1-8c1b-d5104f661749','01a219da-7ae5-7ec1-8c1b-d5104f661749',0,0,3,1795730078442,1795730078442,'waiting',NULL,NULL,NULL,NULL,'ann',NULL);
CREATE TABLE queue_rounds (
        queue TEXT NOT NULL,
        priority INTEGER NOT NULL,
        round INTEGER NOT NULL,
        PRIMARY KEY (queue, priority)
    ) STRICT, WITHOUT ROWID;
INSERT INTO queue_rounds VALUES('cleanup',0,2);
INSERT INTO queue_rounds VALUES('key-generation',0,1);
INSERT INTO queue_rounds VALUES('proof-generation',0,2);
CREATE INDEX circuits_by_age ON circuits (created_at, id);
CREATE INDEX circuits_by_status ON circuits (status, created_at, id);
CREATE INDEX circuits_by_template ON circuits (template, created_at, id);
CREATE INDEX proofs_by_age ON proofs (created_at, id);
CREATE INDEX proofs_by_status ON proofs (status, created_at, id);
CREATE INDEX proofs_by_circuit ON proofs (circuit_id, created_at, id);
CREATE INDEX proofs_by_expiry ON proofs (expires_at, id);
CREATE UNIQUE INDEX deployments_by_idempotency ON deployments (circuit_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
CREATE INDEX deployments_by_circuit ON deployments (circuit_id, created_at, id);
CREATE INDEX deployments_by_status ON deployments (status, created_at, id);
CREATE INDEX circuits_by_tenant ON circuits (tenant, created_at, id);
CREATE INDEX proofs_by_tenant ON proofs (tenant, created_at, id);
CREATE UNIQUE INDEX proofs_by_idempotency ON proofs (tenant, ifnull(user_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL;
CREATE INDEX proofs_by_user ON proofs (tenant, user_id, created_at, id);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at, id);
CREATE UNIQUE INDEX queue_jobs_by_dedup_key ON queue_jobs (queue, dedup_key)
        WHERE dedup_key IS NOT NULL AND state <> 'dead';
CREATE INDEX queue_jobs_by_lease ON queue_jobs (lease_until) WHERE state = 'leased';
CREATE INDEX queue_jobs_by_death ON queue_jobs (queue, dead_at) WHERE state = 'dead';
CREATE INDEX queue_jobs_by_rank ON queue_jobs (queue, priority DESC, round, run_at, id)
        WHERE state = 'waiting' AND round IS NOT NULL;
CREATE INDEX queue_jobs_by_user ON queue_jobs (queue, priority, user_id, round)
        WHERE state = 'waiting' AND round IS NOT NULL;
CREATE INDEX queue_jobs_without_round ON queue_jobs (queue, run_at)
        WHERE state = 'waiting' AND round IS NULL;
CREATE INDEX queue_jobs_by_state ON queue_jobs (queue, state, run_at);
CREATE TRIGGER queue_jobs_handed_out AFTER UPDATE OF state ON queue_jobs
    WHEN old.state = 'waiting' AND new.state = 'leased'
    BEGIN
        INSERT INTO queue_rounds VALUES (new.queue, new.priority, ifnull(new.round, 0))
        ON CONFLICT DO UPDATE SET round = max(round, excluded.round);
    END;
PRAGMA user_version = 4;
