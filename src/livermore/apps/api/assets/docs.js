// Show the API's own description and let each route be tried.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const resolve = (schema, schemas, depth = 0) => {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth > 5 ? name : resolve(schemas[name], schemas, depth + 1);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => resolve(choice, schemas, depth + 1)).reduce(either);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return [resolve(schema.items ?? {}, schemas, depth + 1)];
  if (schema.properties) {
    const fields = Object.entries(schema.properties);
    return Object.fromEntries(fields.map(([name, field]) => [name, resolve(field, schemas, depth + 1)]));
  }
  return schema.format ?? schema.type ?? "any";
};

const either = (one, other) => {
  if (typeof one === "string" && typeof other === "string") return `${one} | ${other}`;
  return typeof one === "string" ? other : one;
};

const parameterRow = (parameter, inputs) => {
  const input = element("input", { placeholder: parameter.required ? "required" : "" });
  input.setAttribute("aria-label", parameter.name);
  inputs.set(parameter, input);
  return element(
    "tr", {},
    element("td", {}, element("code", { textContent: parameter.name })),
    element("td", { textContent: parameter.description ?? "" }),
    element("td", {}, input),
  );
};

const address = (path, inputs) => {
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === "query" && input.value) query.set(parameter.name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
};

const tryIt = async (method, path, inputs, sent, output) => {
  const url = address(path, inputs);
  output.textContent = `${method.toUpperCase()} ${url} …`;
  const headers = sent ? { "content-type": "application/json" } : {};
  const answer = await fetch(url, { method: method.toUpperCase(), headers, body: sent?.value });
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  output.textContent = `${answer.status}\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
};

const sentBy = (operation, schemas) => {
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  if (!schema) return undefined;
  const textContent = JSON.stringify(resolve(schema, schemas), null, 2);
  const area = element("textarea", { textContent, rows: Math.min(textContent.split("\n").length, 12) });
  area.setAttribute("aria-label", "Body");
  return area;
};

const routeOf = (path, method, operation, schemas) => {
  const inputs = new Map();
  const parameters = operation.parameters ?? [];
  const body = element("div");
  if (parameters.length) body.append(element("table", {}, ...parameters.map((one) => parameterRow(one, inputs))));
  const sent = sentBy(operation, schemas);
  if (sent) body.append(sent);
  const status = Object.keys(operation.responses).find((one) => one.startsWith("2"));
  const [type, content] = Object.entries(operation.responses[status].content ?? { nothing: {} })[0];
  const shape = type === "application/json" ? JSON.stringify(resolve(content.schema, schemas), null, 2) : type;
  const output = element("pre", { textContent: shape });
  if (type !== "text/event-stream") {
    const button = element("button", { type: "button", textContent: "Try it" });
    button.onclick = () => tryIt(method, path, inputs, sent, output);
    body.append(button);
  }
  body.append(output);
  const summary = element(
    "summary", {},
    element("b", { textContent: method.toUpperCase() }),
    element("code", { textContent: path }), " ",
    element("span", { textContent: operation.description ?? "" }), " ",
    element("em", { textContent: operation["x-role"] ?? "" }),
  );
  return element("details", {}, summary, body);
};

const show = async () => {
  const description = await (await fetch("/api/v1/openapi.json")).json();
  document.getElementById("about").textContent = `${description.info.description} Version ${description.info.version}.`;
  const rooms = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const room = operation.tags?.[0] ?? "other";
      if (!rooms.has(room)) rooms.set(room, [element("h2", { textContent: room })]);
      rooms.get(room).push(routeOf(path, method, operation, description.components.schemas));
    }
  }
  document.getElementById("routes").append(...[...rooms.values()].flat());
};

show();
