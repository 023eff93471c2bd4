// The city: wards as a quiet ground, schools as shapes coloured by health. Near ones are put together as a ring that
// shows how many are how. Schools come as GeoJSON and are asked for again with their ETag; nothing else is loaded.
import { leaflet as L } from "nicegui-leaflet";
import { loadResource } from "../../static/utils/resources.js";

const ORDER = ["down", "faulty", "unknown", "off", "working"];
const CELL_PX = 64;
const SHAPES = {
  working: '<circle cx="12" cy="12" r="8"/>',
  faulty: '<path d="M12 3 22 20H2Z"/>',
  down: '<path d="M7 3h10l5 9-5 9H7l-5-9z"/><path class="mark" d="m8.5 8.5 7 7m0-7-7 7"/>',
  off: '<rect x="4.5" y="4.5" width="15" height="15" rx="2"/>',
  unknown: '<circle cx="12" cy="12" r="7.5" class="hollow"/>',
};

export default {
  template: '<div class="city-map" role="region"></div>',
  props: { resourcePath: String, schools: String, wards: String, tiles: String, words: Object, every: Number, view: Array, next: Array },
  async mounted() {
    this.$el.setAttribute("aria-label", this.words.map);
    await loadResource(`${window.path_prefix ?? ""}${this.resourcePath}/leaflet/leaflet.css`);
    this.map = L.map(this.$el, {
      center: this.view.slice(0, 2),
      zoom: this.view[2],
      minZoom: 8,
      zoomSnap: 0.5,
      maxZoom: 17,
      zoomControl: false,
      attributionControl: Boolean(this.tiles),
      preferCanvas: true,
      fadeAnimation: false,
    });
    L.control.zoom({ zoomInTitle: this.words.nearer, zoomOutTitle: this.words.farther }).addTo(this.map);
    if (this.tiles) L.tileLayer(this.tiles, { maxZoom: 17, attribution: "© OpenStreetMap" }).addTo(this.map);
    this.group = L.layerGroup().addTo(this.map);
    this.names = L.layerGroup().addTo(this.map);
    this.map.on("moveend zoomend", () => this.draw());
    this.found = [];
    const [, wards] = await Promise.all([this.ask(true), fetch(this.wards).then((answer) => answer.json())]);
    this.ground(wards);
    this.timer = setInterval(() => !document.hidden && this.ask(false), this.every * 1000);
    this.watch = new ResizeObserver(() => this.map.invalidateSize());
    this.watch.observe(this.$el);
    this.scheme = new MutationObserver(() => this.ground(wards));
    this.scheme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  },
  beforeUnmount() {
    clearInterval(this.timer);
    this.watch?.disconnect();
    this.scheme?.disconnect();
    this.map?.remove();
  },
  methods: {
    async ask(first) {
      try {
        const answer = await fetch(this.schools, { cache: "no-cache", credentials: "same-origin" });
        if (!answer.ok) throw new Error(String(answer.status));
        const etag = answer.headers.get("etag");
        if (!first && etag && etag === this.etag) return;
        this.etag = etag;
        const { features } = await answer.json();
        this.found = features
          .filter((one) => one.geometry)
          .map((one) => ({ ...one.properties, at: L.latLng(one.geometry.coordinates[1], one.geometry.coordinates[0]) }));
        this.say("");
      } catch {
        this.say(this.words.stale);
        return;
      }
      if (first && this.found.length) {
        this.map.fitBounds(L.latLngBounds(this.found.map((one) => one.at)), { padding: [24, 24], maxZoom: 14, animate: false });
      }
      this.draw();
      this.$el.dataset.drawn = String(this.found.length);
      if (first) {
        performance.mark("map-drawn");
        requestIdleCallback(() => this.ahead(), { timeout: 5000 });
      }
    },
    // What a room's page needs, and would have to wait for.
    ahead() {
      for (const href of this.next) {
        document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", as: "script", href }));
      }
    },
    say(text) {
      this.note ??= this.$el.appendChild(Object.assign(document.createElement("p"), { className: "map-note" }));
      this.note.hidden = !text;
      this.note.textContent = text;
      this.note.setAttribute("role", "status");
    },
    ground(wards) {
      this.land?.remove();
      const style = getComputedStyle(document.documentElement);
      const [fill, line] = ["--land", "--land-line"].map((name) => style.getPropertyValue(name).trim());
      this.wardNames = wards.map((ward) => ({ name: ward.name, at: L.latLng(ward.at) }));
      if (!this.tiles) {
        this.land = L.layerGroup(
          wards
            .filter((ward) => ward.cell.length)
            .map((ward) => L.polygon(ward.cell, { fillColor: fill, fillOpacity: 1, color: line, weight: 1, interactive: false })),
        ).addTo(this.map);
      }
      this.draw();
    },
    draw() {
      if (!this.map) return;
      const zoom = this.map.getZoom();
      const seen = this.map.getBounds().pad(0.15);
      const cells = new Map();
      for (const school of this.found) {
        if (!seen.contains(school.at)) continue;
        const point = this.map.project(school.at, zoom);
        const key = zoom >= 16 ? school.school : `${Math.floor(point.x / CELL_PX)}:${Math.floor(point.y / CELL_PX)}`;
        const cell = cells.get(key);
        if (cell) cell.push(school);
        else cells.set(key, [school]);
      }
      this.group.clearLayers();
      for (const some of cells.values()) this.group.addLayer(some.length === 1 ? this.one(some[0]) : this.several(some));
      this.labels(zoom, seen);
    },
    labels(zoom, seen) {
      this.names.clearLayers();
      if (zoom < 12 || this.tiles || !this.wardNames) return;
      for (const ward of this.wardNames) {
        if (!seen.contains(ward.at)) continue;
        const icon = L.divIcon({ className: "ward-name", html: text(ward.name), iconSize: [120, 16] });
        this.names.addLayer(L.marker(ward.at, { icon, interactive: false, keyboard: false, zIndexOffset: -1000 }));
      }
    },
    one(school) {
      const href = `/schools/${encodeURIComponent(school.school)}`;
      const words = `${school.name}: ${this.words[school.health]}. ${this.counts(school)}`;
      const icon = L.divIcon({
        className: `school ${school.health}${school.open_alarms ? " alarmed" : ""}`,
        html: `<a href="${href}" aria-label="${text(words)}"><svg viewBox="0 0 24 24" aria-hidden="true">${SHAPES[school.health] ?? SHAPES.unknown}</svg></a>`,
        iconSize: [26, 26],
      });
      const marker = L.marker(school.at, { icon, keyboard: false, zIndexOffset: 100 * (5 - ORDER.indexOf(school.health)) });
      marker.bindTooltip(
        `<strong>${text(school.name)}</strong><br>${text(school.ward || "")}<br>${text(this.words[school.health])} · ${text(this.counts(school))}`,
        { direction: "top", offset: [0, -10], opacity: 1 },
      );
      return marker;
    },
    counts(school) {
      const parts = ORDER.filter((health) => school[`rooms_${health}`]).map((health) => `${school[`rooms_${health}`]} ${this.words[health].toLowerCase()}`);
      if (school.open_alarms) parts.push(`${school.open_alarms} ${this.words.alarms}`);
      return parts.length ? parts.join(", ") : this.words.no_rooms;
    },
    several(some) {
      const how = Object.fromEntries(ORDER.map((health) => [health, some.filter((one) => one.health === health).length]));
      const size = some.length < 10 ? 38 : some.length < 50 ? 46 : 56;
      const label = `${some.length} ${this.words.schools}: ${ORDER.filter((health) => how[health]).map((health) => `${how[health]} ${this.words[health].toLowerCase()}`).join(", ")}`;
      const icon = L.divIcon({
        className: "cluster",
        html: `<button type="button" aria-label="${text(label)}">${ring(how, some.length)}</button>`,
        iconSize: [size, size],
      });
      const bounds = L.latLngBounds(some.map((one) => one.at));
      const marker = L.marker(bounds.getCenter(), { icon, keyboard: false });
      marker.bindTooltip(text(label), { direction: "top", offset: [0, -size / 2], opacity: 1 });
      marker.on("click", () => this.map.fitBounds(bounds, { padding: [48, 48], maxZoom: 16 }));
      return marker;
    },
  },
};

function ring(how, total) {
  let turned = 0;
  const round = 2 * Math.PI * 15;
  const arcs = ORDER.filter((health) => how[health]).map((health) => {
    const length = (how[health] / total) * round;
    const arc = `<circle class="arc ${health}" cx="20" cy="20" r="15" stroke-dasharray="${length} ${round - length}" stroke-dashoffset="${-turned}"/>`;
    turned += length;
    return arc;
  });
  return `<svg viewBox="0 0 40 40" aria-hidden="true"><circle class="disc" cx="20" cy="20" r="18"/><g transform="rotate(-90 20 20)">${arcs.join("")}</g><text x="20" y="24.5" text-anchor="middle">${total}</text></svg>`;
}

function text(plain) {
  return String(plain).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
