// What every script finds: logger, callAPIAsync and util. The rest is how the worker runs it:
// nothing of the host is ever called from here. What a script wants done is put in an outbox,
// which the worker takes when the script has nothing left to do by itself.
(function () {
  "use strict";
  const parse = JSON.parse, stringify = JSON.stringify, text = String, global = globalThis;
  const Veil = Proxy, getOf = Reflect.get, describe = Reflect.getOwnPropertyDescriptor, define = Reflect.defineProperty;
  let outbox = [], how = 0, lacks = false, missed = false, last = 0, state = 0, result = null, waiting = new Map(), factory = null;

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

  // Data that lacks some keys. Whoever looks at one of them is run again, with all there is, as if
  // nothing had been: so the veil itself is never seen.
  const veil = (data, keys) => {
    const lacking = { __proto__: null };
    for (let i = 0; i < keys.length; i++) {
      lacking[keys[i]] = true;
      define(data, keys[i], { __proto__: null, value: null, writable: true, enumerable: true, configurable: true });
    }
    const look = (key) => { if (lacking[key] === true) missed = true; };
    return new Veil(data, {
      __proto__: null,
      get(of, key, by) { look(key); return getOf(of, key, by); },
      getOwnPropertyDescriptor(of, key) { look(key); return describe(of, key); },
    });
  };

  global.__load = function (made) { factory = made; };
  global.__start = function (json, without) {
    lacks = without !== ""; missed = false;
    state = 0; result = null; outbox = []; waiting = new Map();
    new Promise(function __main(resolve) {
      const main = factory();
      if (typeof main !== "function") throw new TypeError("the script has no function main(data) and is no function itself");
      resolve(main(lacks ? veil(parse(json), parse(without)) : parse(json)));
    }).then(
      (value) => { const json = stringify(value); result = json === undefined ? "null" : json; state = 1; },
      (error) => {
        try { result = stringify(failed(error)); } catch (_) { result = '{"message":"what was thrown is no JSON","name":"Error","stack":""}'; }
        state = 2;
      },
    ).catch((error) => { result = stringify(failed(error)); state = 2; });
  };
  global.__take = function () {
    how = lacks && (missed || state === 0) ? 2 : state === 1 && outbox.length === 0 ? 1 : 0;
    if (how) return how === 1 ? result : "";
    const calls = outbox;
    outbox = [];
    return stringify([state, result, calls]);
  };
  // What was taken: 0 state, value and wishes; 1 the value alone; 2 nothing: it needs all the data.
  global.__how = function () { return how; };
  global.__settle = function (id, done, json) {
    const one = waiting.get(id);
    if (!one) return;
    waiting.delete(id);
    if (done) one[0](parse(json));
    else one[1](parse(json));
  };
})();
