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

const tryIt = async (path, inputs, output) => {
  const url = address(path, inputs);
  output.textContent = `GET ${url} …`;
  const answer = await fetch(url);
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  output.textContent = `${answer.status}\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
};

const routeOf = (path, method, operation, schemas) => {
  const inputs = new Map();
  const parameters = operation.parameters ?? [];
  const body = element("div");
  if (parameters.length) body.append(element("table", {}, ...parameters.map((one) => parameterRow(one, inputs))));
  const [type, content] = Object.entries(operation.responses[200].content)[0];
  const shape = type === "application/json" ? JSON.stringify(resolve(content.schema, schemas), null, 2) : type;
  const output = element("pre", { textContent: shape });
  if (type !== "text/event-stream") {
    const button = element("button", { type: "button", textContent: "Try it" });
    button.onclick = () => tryIt(path, inputs, output);
    body.append(button);
  }
  body.append(output);
  const summary = element(
    "summary", {},
    element("b", { textContent: method.toUpperCase() }),
    element("code", { textContent: path }), " ",
    element("span", { textContent: operation.description ?? "" }),
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
