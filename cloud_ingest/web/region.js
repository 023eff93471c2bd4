// A part of a page that the server writes as HTML. What has changed is put in place of what was there, so that focus,
// selection and scrolling stay; forms and links marked with data-want are asked for in place, and the address follows.
export default {
  template: "<div></div>",
  props: { content: String },
  watch: {
    content(text) {
      this.show(text);
    },
  },
  mounted() {
    this.$el.innerHTML = this.content ?? "";
    this.$el.addEventListener("submit", this.onSubmit);
    this.$el.addEventListener("change", this.onChange);
    this.$el.addEventListener("input", this.onInput);
    this.$el.addEventListener("click", this.onClick);
    this.onBack = () => this.live && this.ask(location.search, false);
    window.addEventListener("popstate", this.onBack);
    document.documentElement.dataset.shown = "yes";
  },
  unmounted() {
    clearTimeout(this.soon);
    window.removeEventListener("popstate", this.onBack);
  },
  computed: {
    live() {
      return this.$el?.querySelector("[data-want]") != null;
    },
  },
  methods: {
    show(text) {
      const made = document.createElement("template");
      made.innerHTML = text;
      morph(this.$el, made.content);
    },
    ask(search, keep = true) {
      if (keep) history.pushState(null, "", search || location.pathname);
      this.$el.setAttribute("aria-busy", "true");
      this.$emit("want", search);
    },
    settle() {
      this.$el.removeAttribute("aria-busy");
    },
    searchOf(form) {
      const wanted = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (value !== "") wanted.append(name, value);
      const text = wanted.toString();
      return text ? `?${text}` : "";
    },
    onSubmit(event) {
      const form = event.target.closest("form");
      if (form?.dataset.fields !== undefined) {
        event.preventDefault();
        form.querySelector("[data-act]")?.click();
      }
      if (form?.dataset.want === undefined) return;
      event.preventDefault();
      this.ask(this.searchOf(form));
    },
    onChange(event) {
      const form = event.target.closest("form[data-want]");
      if (form && event.target.type !== "search") this.ask(this.searchOf(form));
    },
    onInput(event) {
      const form = event.target.closest("form[data-want]");
      if (!form || event.target.type !== "search") return;
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.ask(this.searchOf(form)), 300);
    },
    async act(button) {
      const said = { act: button.dataset.act, on: button.dataset.on ?? "" };
      const form = button.closest("form[data-fields]") ?? this.$el.querySelector("form[data-fields]");
      if (form) {
        button.disabled = true;
        said.fields = await filled(form);
        button.disabled = false;
      }
      this.$emit("act", said);
    },
    onClick(event) {
      const link = event.target.closest("a[data-want]");
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
        event.preventDefault();
        this.ask(new URL(link.href).search);
        return;
      }
      const button = event.target.closest("[data-act]");
      if (button) {
        event.preventDefault();
        this.act(button);
        return;
      }
      const row = event.target.closest("tr[data-href]");
      if (row && !event.target.closest("a, button, input, label, select") && !String(getSelection())) {
        location.href = row.dataset.href;
      }
    },
  },
};

function morph(old, wanted) {
  const kept = [...old.childNodes];
  const made = [...wanted.childNodes];
  made.forEach((node, at) => {
    const before = kept[at];
    if (!before) {
      old.append(node);
    } else if (before.nodeType !== node.nodeType || before.nodeName !== node.nodeName || key(before) !== key(node)) {
      before.replaceWith(node);
    } else if (node.nodeType === Node.TEXT_NODE) {
      if (before.data !== node.data) before.data = node.data;
    } else {
      for (const { name } of [...before.attributes]) if (!node.hasAttribute(name) && name !== "open") before.removeAttribute(name);
      for (const { name, value } of [...node.attributes]) {
        if (before.getAttribute(name) !== value) before.setAttribute(name, value);
      }
      if (before instanceof HTMLInputElement && before.type === "file") return;
      if (before instanceof HTMLTextAreaElement) {
        if (before.defaultValue !== node.defaultValue || before.value !== node.defaultValue) {
          before.defaultValue = before.value = node.defaultValue;
        }
        return;
      }
      if (before instanceof HTMLInputElement) {
        if (document.activeElement !== before) before.value = node.getAttribute("value") ?? "";
        before.checked = node.hasAttribute("checked");
        return;
      }
      morph(before, node);
      if (before instanceof HTMLSelectElement) {
        const chosen = [...node.options].find((option) => option.hasAttribute("selected")) ?? node.options[0];
        if (chosen) before.value = chosen.value;
      }
    }
  });
  kept.slice(made.length).forEach((node) => node.remove());
}

const FILE_MOST = 700_000;

// What is in a form, with the text of its files; one that is too long for a message is only said to be.
async function filled(form) {
  const fields = {};
  for (const [name, value] of new FormData(form)) {
    if (!(value instanceof File)) {
      fields[name] = value;
    } else if (value.size > FILE_MOST) {
      fields[`${name}_large`] = String(value.size);
    } else if (value.size) {
      fields[name] = await value.text();
      fields[`${name}_name`] = value.name;
    }
  }
  return fields;
}

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? (node.dataset?.key ?? node.id) : "";
}
