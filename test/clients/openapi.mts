// Every route of the OpenAPI document, by the types in api.d.ts that openapi-typescript made of it.
// Arguments: the address of the server, a .torrent file that it does not have. Prints the info hash.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [baseUrl, file] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl });
const torrent = readFileSync(file!);
const asItIs = (body: unknown) => body as BodyInit; // in place of JSON

// reasonOf returns why a call failed; undefined if something on the way says so.
function reasonOf(error: components["schemas"]["Error"]): components["schemas"]["Reason"] | undefined {
	for (const detail of error.details ?? []) {
		if (detail["@type"] === "type.googleapis.com/google.rpc.ErrorInfo") return detail.reason;
	}
	return undefined;
}

async function upload(): Promise<string> {
	const created = await api.POST("/v1/torrents", {
		headers: { "Content-Type": "application/x-bittorrent" },
		body: torrent as unknown as string,
		bodySerializer: asItIs,
	});
	assert.equal(created.response.status, 201);
	assert.equal(created.data?.outcome, "OUTCOME_CREATED");
	assert.equal(created.response.headers.get("Location"), "/v1/torrents/" + created.data.infoHash);

	const again = await api.POST("/v1/torrents", { body: { torrent: torrent.toString("base64") } });
	assert.equal(again.response.status, 200);
	assert.equal(again.data?.outcome, "OUTCOME_ALREADY_CACHED");

	const refused = await api.POST("/v1/torrents", { body: { torrent: btoa("<html>") } });
	assert.equal(refused.response.status, 400);
	assert.equal(refused.error && reasonOf(refused.error), "TORRENT_INVALID");
	return created.data.infoHash;
}

async function uploadForm(infoHash: string) {
	const form = new FormData();
	form.append("torrent", new Blob([torrent]), "my.torrent");
	const answer = await api.POST("/autoupload.php", {
		body: form as unknown as { torrent: string },
		bodySerializer: asItIs,
		parseAs: "text",
	});
	assert.equal(answer.data, infoHash.slice(0, 40) + "\n");
}

async function get(infoHash: string) {
	const path = { infoHash };
	const inJSON = await api.GET("/v1/torrents/{infoHash}", { params: { path } });
	assert.ok(inJSON.data && typeof inJSON.data === "object");
	assert.deepEqual(Buffer.from(inJSON.data.torrent, "base64"), torrent);

	const raw = await api.GET("/v1/torrents/{infoHash}", {
		params: { path },
		headers: { Accept: "application/x-bittorrent" },
		parseAs: "arrayBuffer",
	});
	assert.deepEqual(Buffer.from(raw.data as unknown as ArrayBuffer), torrent);
	assert.equal(raw.response.headers.get("ETag"), `"${inJSON.data.etag}"`);

	const unknown = await api.GET("/v1/torrents/{infoHash}", { params: { path: { infoHash: "0".repeat(40) } } });
	assert.equal(unknown.response.status, 404);
	assert.ok(typeof unknown.error === "object");
	assert.equal(reasonOf(unknown.error), "TORRENT_NOT_FOUND");
}

async function download(infoHash: string) {
	const path = { infoHash };
	const whole = await api.GET("/torrent/{infoHash}.torrent", { params: { path, query: { title: "my" } }, parseAs: "arrayBuffer" });
	assert.deepEqual(Buffer.from(whole.data as unknown as ArrayBuffer), torrent);
	assert.equal(whole.response.headers.get("Content-Disposition"), 'attachment; filename="my.torrent"');

	const part = await api.GET("/torrent/{infoHash}.torrent", { params: { path, header: { Range: "bytes=0-9" } }, parseAs: "arrayBuffer" });
	assert.equal(part.response.status, 206);
	assert.deepEqual(Buffer.from(part.data as unknown as ArrayBuffer), torrent.subarray(0, 10));

	const etag = whole.response.headers.get("ETag")!;
	const same = await api.GET("/torrent/{infoHash}.torrent", { params: { path, header: { "If-None-Match": etag } } });
	assert.equal(same.response.status, 304);
}

async function ask(infoHash: string) {
	const about = await api.GET("/v1/torrents/{infoHash}/info", { params: { path: { infoHash }, query: { filePageSize: 1 } } });
	assert.equal(about.data?.torrentSizeBytes, String(torrent.length));
	assert.ok(about.data.files.length <= 1);

	const unknown = "0".repeat(40);
	const missing = await api.POST("/v1/torrents:findMissing", { body: { infoHashes: [infoHash, unknown] } });
	assert.deepEqual(missing.data?.missingInfoHashes, [unknown]);
}

const infoHash = await upload();
await uploadForm(infoHash);
await get(infoHash);
await download(infoHash);
await ask(infoHash);
console.log(infoHash);
