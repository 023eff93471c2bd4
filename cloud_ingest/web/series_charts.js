// Charts of one room: a line of means in a band from the least to the most, from a quarter of an hour to a year. The
// store makes the points fewer; a window without a point is a gap in the line, and is never filled in.
export default {
  template: `
    <div class="charts">
      <div class="spans" role="group" :aria-label="words.span">
        <button v-for="one in spans" :key="one.code" type="button" :aria-pressed="String(one.code === code)" @click="choose(one.code)">{{ one.words }}</button>
      </div>
      <p v-if="trouble" class="trouble" role="alert">{{ trouble }}</p>
      <div class="chart-grid">
        <figure v-for="one in series" :key="one.url" class="chart">
          <figcaption><strong>{{ one.title }}</strong> <span>{{ one.where }}</span> <output :data-for="one.url"></output></figcaption>
          <div class="plot" :data-url="one.url" role="img" :aria-label="one.title"></div>
        </figure>
      </div>
    </div>`,
  props: { series: Array, spans: Array, span: String, words: Object, language: String },
  data() {
    return { code: this.span, trouble: "" };
  },
  async mounted() {
    this.charts = new Map();
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && this.show(entry.target)), { rootMargin: "200px" });
    this.$el.querySelectorAll(".plot").forEach((plot) => this.seen.observe(plot));
    this.sizes = new ResizeObserver((entries) => entries.forEach((entry) => this.charts.get(entry.target)?.resize()));
    this.timer = setInterval(() => !document.hidden && this.charts.forEach((_, plot) => this.load(plot)), 15000);
    this.theme = new MutationObserver(() => this.charts.forEach((_, plot) => this.load(plot)));
    this.theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  },
  beforeUnmount() {
    clearInterval(this.timer);
    this.seen.disconnect();
    this.sizes.disconnect();
    this.theme.disconnect();
    this.charts.forEach((chart) => chart.dispose());
  },
  methods: {
    choose(code) {
      this.code = code;
      const asked = new URL(location);
      asked.searchParams.set("span", code);
      history.replaceState(null, "", asked);
      this.charts.forEach((_, plot) => this.load(plot));
    },
    async show(plot) {
      this.seen.unobserve(plot);
      await this.load(plot);
    },
    async chart(plot) {
      const { echarts } = await import("nicegui-echart");
      if (!this.charts.has(plot)) {
        this.charts.set(plot, echarts.init(plot, null, { renderer: "canvas" }));
        this.sizes.observe(plot);
      }
    },
    async load(plot) {
      const one = this.series.find((each) => each.url === plot.dataset.url);
      const span = this.spans.find((each) => each.code === this.code);
      const code = this.code;
      try {
        const until = Math.ceil(Date.now() / (span.window_s * 1000)) * span.window_s * 1000;
        const since = until - span.seconds * 1000;
        const join = one.url.includes("?") ? "&" : "?";
        const drawn = this.chart(plot); // the script and the figures come at the same time
        const answer = await fetch(
          `${one.url}${join}since=${encodeURIComponent(new Date(since).toISOString())}&until=${encodeURIComponent(new Date(until).toISOString())}&window=${span.window}`,
          { credentials: "same-origin", cache: "no-cache" },
        );
        if (!answer.ok) throw new Error((await answer.json()).detail ?? String(answer.status));
        const windows = await answer.json();
        await drawn;
        if (code !== this.code) return;
        const step = windows.window_s * 1000;
        const begun = Date.parse(windows.since);
        const times = windows.mean.map((_, at) => begun + at * step);
        this.draw(plot, one, span, since, until, { times, mean: windows.mean, low: windows.minimum, high: windows.maximum });
        this.trouble = "";
      } catch (wrong) {
        this.trouble = `${this.words.no_chart} ${wrong.message ?? ""}`;
      }
    },
    draw(plot, one, span, since, until, { times, mean, low, high }) {
      const style = getComputedStyle(document.documentElement);
      const color = (name) => style.getPropertyValue(name).trim();
      const number = new Intl.NumberFormat(this.language, { maximumFractionDigits: 1 });
      const zone = { timeZone: "Asia/Ho_Chi_Minh" };
      const clock = new Intl.DateTimeFormat(this.language, span.seconds > 172800 ? { ...zone, day: "2-digit", month: "2-digit" } : { ...zone, hour: "2-digit", minute: "2-digit" });
      const full = new Intl.DateTimeFormat(this.language, { ...zone, dateStyle: "short", timeStyle: "medium" });
      const known = mean.filter((value) => value !== null);
      const empty = mean.length - known.length;
      const unit = one.unit ? ` ${one.unit}` : "";
      const says = known.length
        ? this.words.summary
            .replace("{mean}", number.format(known.reduce((sum, value) => sum + value, 0) / known.length) + unit)
            .replace("{low}", number.format(least(low)) + unit)
            .replace("{high}", number.format(most(high)) + unit)
        : this.words.empty;
      plot.setAttribute("aria-label", `${one.title}. ${says}`);
      this.$el.querySelector(`output[data-for="${CSS.escape(one.url)}"]`).textContent = says;
      plot.dataset.points = String(known.length);
      plot.dataset.gaps = String(empty);
      const pairs = (values) => times.map((time, at) => [time, values[at]]);
      const line = { type: "line", showSymbol: false, animation: false, connectNulls: false };
      this.charts.get(plot).setOption(
        {
          animation: false,
          grid: { left: 8, right: 12, top: 14, bottom: 4, containLabel: true },
          tooltip: {
            trigger: "axis",
            confine: true,
            backgroundColor: color("--surface"),
            borderColor: color("--line"),
            textStyle: { color: color("--ink"), fontSize: 13 },
            formatter: (points) => {
              const at = times.indexOf(points[0].value[0]);
              const value = mean[at] === null ? this.words.gap : `${number.format(mean[at])}${unit} (${number.format(low[at])} – ${number.format(high[at])})`;
              return `${full.format(points[0].value[0])}<br><strong>${value}</strong>`;
            },
          },
          xAxis: {
            type: "time",
            min: since,
            max: until,
            axisLabel: { color: color("--muted"), hideOverlap: true, formatter: (time) => clock.format(time) },
            axisLine: { lineStyle: { color: color("--edge") } },
          },
          yAxis: {
            type: "value",
            scale: true,
            axisLabel: { color: color("--muted"), formatter: (value) => number.format(value) },
            splitLine: { lineStyle: { color: color("--line") } },
          },
          series: [
            { ...line, data: pairs(low), lineStyle: { opacity: 0 }, stack: "band", stackStrategy: "all", silent: true },
            {
              ...line,
              data: times.map((time, at) => [time, high[at] === null ? null : high[at] - low[at]]),
              lineStyle: { opacity: 0 },
              areaStyle: { color: color("--accent"), opacity: 0.18 },
              stack: "band",
              stackStrategy: "all",
              silent: true,
            },
            {
              ...line,
              data: pairs(mean),
              lineStyle: { color: color("--accent"), width: 2 },
              itemStyle: { color: color("--accent") },
              markArea: {
                silent: true,
                itemStyle: { color: color("--gap") },
                data: gaps(times, mean, span.window_s * 1000).map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
              },
            },
          ],
        },
        { notMerge: true },
      );
    },
  },
};

// Between the first point and the end: where two windows or more have none.
function gaps(times, mean, step) {
  const found = [];
  let from = null;
  let begun = false;
  times.forEach((time, at) => {
    if (mean[at] === null) {
      if (begun) from ??= time;
      return;
    }
    begun = true;
    if (from !== null) {
      if (time - from >= 2 * step) found.push([from - step / 2, time - step / 2]);
      from = null;
    }
  });
  if (from !== null && times.at(-1) - from >= 2 * step) found.push([from - step / 2, times.at(-1)]);
  return found;
}

const least = (values) => values.reduce((found, value) => (value === null ? found : Math.min(found, value)), Infinity);
const most = (values) => values.reduce((found, value) => (value === null ? found : Math.max(found, value)), -Infinity);
