// util: what scripts about business data want and the engine lacks. Times are in Japan (UTC+9, no
// summer time) unless an offset in minutes is given; a date may be a Date, milliseconds or ISO text.
(function () {
  "use strict";
  const JAPAN = 540, DAY = 86400000, WEEK = "日月火水木金土";
  const ERAS = [["令和", "R", 2019, 5, 1], ["平成", "H", 1989, 1, 8], ["昭和", "S", 1926, 12, 25], ["大正", "T", 1912, 7, 30], ["明治", "M", 1868, 1, 25]];
  const two = (n) => String(n).padStart(2, "0");
  const pick = (offset) => (offset === undefined ? JAPAN : offset);

  const instant = (value) => {
    const ms = value instanceof Date ? value.getTime() : typeof value === "number" ? value : Date.parse(value);
    if (Number.isNaN(ms)) throw new TypeError("not a date: " + String(value));
    return ms;
  };
  const parts = (value, offset) => {
    const at = new Date(instant(value) + pick(offset) * 60000);
    return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds(), ms: at.getUTCMilliseconds(), weekday: at.getUTCDay() };
  };
  const make = (year, month, day, hour, minute, second, offset) =>
    new Date(Date.UTC(year, month - 1, day, hour || 0, minute || 0, second || 0) - pick(offset) * 60000);
  const last = (year, month) => new Date(Date.UTC(year, month, 0)).getUTCDate();

  const era = (value, offset) => {
    const p = parts(value, offset), key = p.year * 10000 + p.month * 100 + p.day;
    for (const [name, letter, year, month, day] of ERAS)
      if (key >= year * 10000 + month * 100 + day) return { name, letter, year: p.year - year + 1 };
    return null;
  };

  const date = {
    parts, era,
    make: (year, month, day, hour, minute, second, offset) => make(year, month, day, hour, minute, second, offset),
    // YYYY MM DD HH mm ss SSS M D H, ddd for the weekday, GGGG G for the era, y for its year
    format: (value, pattern, offset) => {
      const p = parts(value, offset), e = era(value, offset);
      const words = { YYYY: String(p.year).padStart(4, "0"), MM: two(p.month), M: String(p.month), DD: two(p.day), D: String(p.day), HH: two(p.hour), H: String(p.hour), mm: two(p.minute), ss: two(p.second), SSS: String(p.ms).padStart(3, "0"), ddd: WEEK[p.weekday], GGGG: e ? e.name : "", G: e ? e.letter : "", y: e ? (e.year === 1 ? "元" : String(e.year)) : String(p.year) };
      return String(pattern || "YYYY/MM/DD HH:mm:ss").replace(/YYYY|SSS|ddd|GGGG|MM|DD|HH|mm|ss|M|D|H|G|y/g, (one) => words[one]);
    },
    wareki: (value, offset) => date.format(value, "GGGGy年M月D日", offset),
    addDays: (value, days) => new Date(instant(value) + days * DAY),
    // a day that the month lacks becomes its last
    addMonths: (value, months, offset) => {
      const p = parts(value, offset), all = p.year * 12 + p.month - 1 + months;
      const year = Math.floor(all / 12), month = (all % 12 + 12) % 12 + 1;
      return make(year, month, Math.min(p.day, last(year, month)), p.hour, p.minute, p.second, offset);
    },
    startOfDay: (value, offset) => { const p = parts(value, offset); return make(p.year, p.month, p.day, 0, 0, 0, offset); },
    startOfMonth: (value, offset) => { const p = parts(value, offset); return make(p.year, p.month, 1, 0, 0, 0, offset); },
    endOfMonth: (value, offset) => { const p = parts(value, offset); return make(p.year, p.month, last(p.year, p.month), 0, 0, 0, offset); },
    daysBetween: (from, to, offset) => Math.round((date.startOfDay(to, offset) - date.startOfDay(from, offset)) / DAY),
  };

  const finite = (value) => {
    const number = typeof value === "string" ? Number(value.replace(/,/g, "")) : Number(value);
    if (!Number.isFinite(number)) throw new TypeError("not a number: " + String(value));
    return number;
  };
  const number = {
    parse: finite,
    // half away from zero, of the decimal digits that the number shows
    round: (value, digits) => {
      const given = finite(value), places = digits || 0;
      const [mantissa, exponent] = String(Math.abs(given)).split("e");
      const up = Math.round(Number(mantissa + "e" + (Number(exponent || 0) + places)));
      const [whole, more] = String(up).split("e");
      return Math.sign(given) * Number(whole + "e" + (Number(more || 0) - places)) || 0;
    },
    format: (value, digits) => {
      const rounded = digits === undefined ? finite(value) : number.round(value, digits);
      const [whole, rest] = (digits === undefined ? String(rounded) : rounded.toFixed(digits)).split(".");
      return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + (rest ? "." + rest : "");
    },
    yen: (value) => { const n = number.round(value); return (n < 0 ? "-¥" : "¥") + number.format(Math.abs(n), 0); },
    // 1億2,345万6,789
    kanji: (value) => {
      let left = BigInt(number.round(value)), shown = "";
      const minus = left < 0n;
      if (minus) left = -left;
      for (const unit of ["", "万", "億", "兆", "京"]) {
        const part = left % 10000n;
        if (part) shown = number.format(Number(part)) + unit + shown;
        left /= 10000n;
      }
      return (minus ? "-" : "") + (shown || "0");
    },
  };

  const shifted = (value, from, to, by) =>
    String(value).replace(new RegExp("[" + from + "-" + to + "]", "g"), (one) => String.fromCharCode(one.charCodeAt(0) + by));
  const text = {
    halfWidth: (value) => shifted(value, "！", "～", -0xfee0).replace(/　/g, " "),
    fullWidth: (value) => shifted(value, "!", "~", 0xfee0).replace(/ /g, "　"),
    hiragana: (value) => shifted(String(value).normalize("NFKC"), "ァ", "ヶ", -0x60),
    katakana: (value) => shifted(String(value).normalize("NFKC"), "ぁ", "ゖ", 0x60),
    pad: (value, length, filler) => String(value).padStart(length, filler === undefined ? "0" : filler),
  };

  globalThis.util = { date, number, text };
})();
