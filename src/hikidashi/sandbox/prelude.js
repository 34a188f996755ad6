// What every script finds: logger, callAPIAsync and util. The rest is how the worker runs it:
// nothing of the host is ever called from here. What a script wants done is put in an outbox,
// which the worker takes when the script has nothing left to do by itself.
(function () {
  "use strict";
  const parse = JSON.parse, stringify = JSON.stringify, text = String, global = globalThis;
  let outbox = [], bare = false, last = 0, state = 0, result = null, waiting = new Map(), factory = null;

  const listed = (given) => {
    const list = [];
    for (let i = 0; i < given.length; i++) list[i] = given[i];
    return list;
  };
  const told = (one) => {
    if (typeof one === "string") return one;
    if (one instanceof Error) return one.stack ? one.name + ": " + one.message + "\n" + lines(one.stack) : text(one);
    try {
      const shown = stringify(one);
      return shown === undefined ? text(one) : shown;
    } catch (_) {
      return text(one);
    }
  };
  const telling = (level) => function () {
    outbox[outbox.length] = [0, "log", [level, listed(arguments).map(told).join(" ")]];
  };
  const asking = (name) => function () {
    const given = listed(arguments);
    return new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, [resolve, reject]);
      outbox[outbox.length] = [id, name, given];
    });
  };

  const logger = { log: telling("info"), info: telling("info"), debug: telling("debug"), warn: telling("warn"), error: telling("error") };
  global.logger = logger;
  global.console = logger;
  global.callAPIAsync = asking("api");

  // Only the script's own lines, counted as its author does: the worker puts one line before them.
  const lines = (stack) => {
    const shown = [];
    for (const one of text(stack).split("\n")) {
      if (one.includes("__main") || one.includes("(native)")) break;
      if (one.trim()) shown.push(one.trim().replace(/<input>:(\d+)/, (_, line) => "line " + (line - 1)));
    }
    return shown.join("\n");
  };
  const failed = (error) => {
    if (error instanceof Error) return { name: text(error.name), message: text(error.message), stack: lines(error.stack) };
    return { value: error === undefined ? null : error };
  };

  global.__load = function (made) { factory = made; };
  global.__start = function (json) {
    state = 0; result = null; outbox = []; waiting = new Map();
    new Promise(function __main(resolve) {
      const main = factory();
      if (typeof main !== "function") throw new TypeError("the script has no function main(data) and is no function itself");
      resolve(main(parse(json)));
    }).then(
      (value) => { const json = stringify(value); result = json === undefined ? "null" : json; state = 1; },
      (error) => {
        try { result = stringify(failed(error)); } catch (_) { result = '{"message":"what was thrown is no JSON","name":"Error","stack":""}'; }
        state = 2;
      },
    ).catch((error) => { result = stringify(failed(error)); state = 2; });
  };
  global.__take = function () {
    bare = state === 1 && outbox.length === 0;
    if (bare) return result;
    const calls = outbox;
    outbox = [];
    return stringify([state, result, calls]);
  };
  global.__bare = function () { return bare; };  // whether what was taken is the value alone
  global.__settle = function (id, done, json) {
    const one = waiting.get(id);
    if (!one) return;
    waiting.delete(id);
    if (done) one[0](parse(json));
    else one[1](parse(json));
  };
})();
