// Receives webhooks and hands them to SQL as they came: POST /webhooks/<server>.
//
//   npm install pg
//   PGHOST=… PGDATABASE=… PGUSER=<role with ob.grant_webhook> PORT=8080 node webhook-receiver.cjs
'use strict';
const { createServer } = require('node:http');
const { Pool } = require('pg');

const largestBody = 2 ** 20;
const pool = new Pool({ max: 8, connectionTimeoutMillis: 5000 });
pool.on('error', (error) => console.error(`an idle connection was lost: ${error.message}`));

const receive = `SELECT status, reason, http_status FROM ob.webhook_receive($1, $2::jsonb, $3::bytea, $4, $5, remote_addr => $6::inet)`;

// The bytes as they are on the wire: parsed and written again they would no longer fit their signature.
async function rawBody(request) {
	const chunks = [];
	let size = 0;
	for await (const chunk of request) {
		size += chunk.length;
		if (size > largestBody) return null;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

function serverOf(path) {
	try {
		return decodeURIComponent(/^\/webhooks\/([^/]+)\/?$/.exec(path)[1]);
	} catch {
		return null; // another path, or not well-formed
	}
}

async function answer(request) {
	const path = request.url.split('?', 1)[0];
	const server = serverOf(path);
	if (!server) return 404;
	const body = await rawBody(request);
	if (!body) return 413;
	// headersDistinct keeps a header that was sent twice apart. Behind a proxy the address is the proxy's.
	const values = [server, JSON.stringify(request.headersDistinct), body, request.method, path, request.socket.remoteAddress];
	const { rows: [event] } = await pool.query(receive, values);
	if (event.reason) console.error(`${event.status}: ${event.reason}`);
	return event.http_status;
}

const server = createServer((request, response) => {
	answer(request)
		// The database cannot be reached, or does not know the server: the provider sends it again.
		.catch((error) => (console.error(error.message), 503))
		.then((status) => response.writeHead(status, { connection: 'close' }).end());
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () => {
	const { address, port } = server.address();
	console.log(`http://${address}:${port}/webhooks/`);
});
