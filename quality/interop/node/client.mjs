// The TypeScript SDK's clients: 1.x (the older era) and 2.x (both). The same checks as clients/checks.py, in the same
// words: one JSON line each on standard output.

const plan = JSON.parse(process.argv[2]);
const WAIT_MS = 30_000;
const QUESTION = { region: "US", category_id: "Beauty & Personal Care" };
const modern = plan.era >= "2026";

function say(check, failure) {
  const detail = failure === undefined ? {} : { detail: String(failure).slice(0, 400) };
  console.log(JSON.stringify({ check, ok: failure === undefined, ...detail }));
}

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

function bounded(promise, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function opened() {
  const info = { name: "interop", version: "1" };
  if (plan.sdk === "1") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const client = new Client(info);
    await client.connect(await transport("@modelcontextprotocol/sdk/client/", ["stdio.js", "sse.js", "streamableHttp.js"]));
    return client;
  }
  const { Client } = await import("@modelcontextprotocol/client");
  const client = new Client(info, { versionNegotiation: { mode: modern ? { pin: plan.era } : "legacy" } });
  await client.connect(await transport("@modelcontextprotocol/client", ["/stdio", "", ""]));
  return client;
}

async function transport(base, [stdio, sse, http]) {
  if (plan.transport === "stdio") {
    const { StdioClientTransport } = await import(base + stdio);
    const [command, ...args] = plan.command;
    return new StdioClientTransport({ command, args, env: plan.env, stderr: "ignore" });
  }
  if (plan.transport === "sse") {
    const { SSEClientTransport } = await import(base + sse);
    return new SSEClientTransport(new URL(plan.url));
  }
  const { StreamableHTTPClientTransport } = await import(base + http);
  return new StreamableHTTPClientTransport(new URL(plan.url));
}

const client = await bounded(opened());
let negotiated = client.getNegotiatedProtocolVersion?.() ?? client.transport.protocolVersion;
let products = [];

async function call(name, args, options = {}) {
  const params = { name, arguments: args };
  // 1.x has the schema of the result between the two.
  const result = await (plan.sdk === "1" ? client.callTool(params, undefined, options) : client.callTool(params, options));
  const text = result.content.map((block) => block.text ?? "").join("\n");
  return { text, structured: result.structuredContent, isError: result.isError === true };
}

async function service(path, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`${plan.service}/_sandbox/${path}`, init);
  return answer.json();
}

async function asked() {
  const end = Date.now() + WAIT_MS;
  while (!(await service("requests")).count) {
    expect(Date.now() < end, "the service was not asked");
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

function filled(prompt) {
  const known = {
    region: "US",
    category: "Beauty & Personal Care",
    product_id: products[0],
    product_ids: products.slice(0, 2).join(", "),
  };
  const required = (prompt.arguments ?? []).filter((argument) => argument.required);
  return Object.fromEntries(required.map(({ name }) => [name, known[name] ?? "10"]));
}

const checks = {
  async initialise() {
    const capabilities = client.getServerCapabilities();
    expect(client.getServerVersion().name === "keyapi-mcp", `the server is called ${client.getServerVersion().name}`);
    // 1.x over stdio does not tell what was agreed on; it refuses what it does not know.
    expect(negotiated === undefined || negotiated === plan.era, `the version is ${negotiated}`);
    for (const name of ["tools", "resources", "completions"]) expect(capabilities[name], `no ${name} are offered`);
  },
  async "list tools"() {
    const { tools } = await client.listTools();
    expect(tools[0].name === "search_products", "search_products comes first");
    for (const tool of tools) expect(tool.description && tool.inputSchema.type === "object", `${tool.name} is bare`);
  },
  async call() {
    const told = await call("search_products", QUESTION);
    expect(!told.isError, told.text);
    expect(told.structured.rows.length === 10, "ten rows were expected");
    expect(told.text.toLowerCase().includes("credit"), "the text tells no credits");
  },
  // A JavaScript number holds 53 bits: as one, an id of 19 digits would become another product's.
  async "19-digit ids"() {
    const told = await call("search_products", QUESTION);
    const position = told.structured.columns.indexOf("product_id");
    const found = told.structured.rows.map((row) => row[position]);
    for (const id of found) {
      expect(typeof id === "string" && /^\d{19}$/.test(id), `an id is ${JSON.stringify(id)}`);
      expect(told.text.includes(id), "the text has other ids");
    }
    products = found.filter((id) => String(BigInt(Number(id))) !== id);
    expect(products.length > 0, "no id would be harmed as a number");
    const again = await call("get_product", { product_id: products[0], region: "US" });
    expect(!again.isError && again.text.includes(products[0]), again.text);
  },
  async refusal() {
    const told = await call("search_products", { region: "US", keyword: "lip oil" });
    expect(told.isError, "the answer is no error");
    expect(told.text.includes("no keyword search"), told.text);
  },
  async progress() {
    const seen = [];
    const onprogress = ({ progress, total }) => seen.push([progress, total]);
    const told = await call("scan_products", { ...QUESTION, pages: 3 }, { onprogress });
    expect(!told.isError, told.text);
    // The last one may be overtaken by the result, and a client then drops it.
    expect(String(seen.slice(0, 2)) === "1,3,2,3", `progress was ${JSON.stringify(seen)}`);
  },
  // A request that has left is let finish, because it is paid for; a cancelled scan sends no further one. One goes to
  // the service at a time, so that a scan that went on would mix its pages with what is asked after it.
  async cancel() {
    await service("reset", {});
    await service("faults", { kind: "delay", seconds: 2 });
    const stop = new AbortController();
    const scan = call("scan_products", { ...QUESTION, pages: 10 }, { signal: stop.signal });
    const ended = scan.then(() => "an answer", () => "cancelled");
    await asked();
    stop.abort("changed my mind");
    expect((await bounded(ended)) === "cancelled", "the call ended although it was cancelled");
    await service("reset", {});
    for (const page_num of [11, 12, 13]) {
      const told = await bounded(call("search_products", { ...QUESTION, page_num }));
      expect(!told.isError, told.text);
    }
    const { count } = await service("requests");
    expect(count <= 4, `the service was asked ${count} times`);
  },
  async resources() {
    const { resources } = await client.listResources();
    expect(resources.some((one) => one.uri === "keyapi://schema"), "keyapi://schema is not listed");
    for (const { uri } of resources) JSON.parse((await client.readResource({ uri })).contents[0].text);
  },
  async "resource template"() {
    const { resourceTemplates } = await client.listResourceTemplates();
    const templates = resourceTemplates.map((one) => one.uriTemplate);
    expect(templates.includes("keyapi://product/{region}/{product_id}"), `the templates are ${templates}`);
    const { contents } = await client.readResource({ uri: `keyapi://product/US/${products[0]}` });
    expect(JSON.parse(contents[0].text).product_id === products[0], "another product came");
  },
  async completion() {
    const ref = { type: "ref/resource", uri: "keyapi://product/{region}/{product_id}" };
    const { completion } = await client.complete({ ref, argument: { name: "region", value: "U" } });
    expect(completion.values.includes("US"), `the regions are ${completion.values}`);
  },
};

if (client.getServerCapabilities().prompts) {
  checks.prompts = async () => {
    const { prompts } = await client.listPrompts();
    expect(prompts.length > 0, "none is listed");
    for (const prompt of prompts) {
      const { messages } = await client.getPrompt({ name: prompt.name, arguments: filled(prompt) });
      expect(messages.length > 0 && messages.every((message) => message.content.text), `${prompt.name} is empty`);
    }
  };
  checks["prompt completion"] = async () => {
    const { prompts } = await client.listPrompts();
    const { name } = prompts.find((prompt) => prompt.arguments?.some((argument) => argument.name === "region"));
    const ref = { type: "ref/prompt", name };
    const { completion } = await client.complete({ ref, argument: { name: "region", value: "U" } });
    expect(completion.values.includes("US"), `the regions are ${completion.values}`);
  };
}

for (const [name, check] of Object.entries(checks)) {
  try {
    await bounded(check(), 3 * WAIT_MS);
    say(name);
  } catch (error) {
    say(name, error?.message ?? error);
  }
}
await bounded(client.close());
process.exit(0);
