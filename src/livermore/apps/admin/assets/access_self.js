// Who is logged in, and the password of this user.

import { ask } from "/assets/api.js";
import { since } from "/assets/format.js";

const template = `
  <div class="column">
    <section class="panel self" data-test="self">
      <h2>You</h2>
      <p class="who"><b>{{ user.display_name ?? user.username }}</b><span class="chip">{{ me.role }}</span></p>
      <dl>
        <dt>User name</dt><dd>{{ user.username }}</dd>
        <dt v-if="user.email">E-mail</dt><dd v-if="user.email">{{ user.email }}</dd>
        <dt>Logged in by</dt><dd>{{ way }}</dd>
        <dt>Last login</dt><dd>{{ since(user.last_login_at) }}</dd>
      </dl>
      <p v-if="isLess" class="soft">This login is a token with the role {{ me.role }}: it changes neither tokens nor the password.</p>
    </section>
    <section v-if="!isLess" class="panel password" data-test="password">
      <h2>{{ hasPassword ? "Change your password" : "Set a password" }}</h2>
      <p v-if="isElsewhere" class="soft">{{ user.identity_provider }} keeps your password.</p>
      <form v-else class="stack" @submit.prevent="change">
        <input type="text" name="username" :value="user.username" autocomplete="username" hidden>
        <label v-if="hasPassword">Current password<input v-model="current" type="password" autocomplete="current-password" required></label>
        <label>New password<input v-model="fresh" type="password" autocomplete="new-password" minlength="10" required></label>
        <label>New password again<input v-model="again" type="password" autocomplete="new-password" required></label>
        <p class="soft">10 characters or more. Your other sessions end; tokens stay.</p>
        <button class="primary" :disabled="isBusy">{{ hasPassword ? "Change it" : "Set it" }}</button>
      </form>
      <p v-if="problem" class="problem" role="alert">{{ problem }}</p>
      <p v-if="done" class="done" role="status">{{ done }}</p>
    </section>
  </div>
`;

export default {
  template,
  props: { me: Object },
  data() {
    return { hasPassword: this.me.user.has_password, current: "", fresh: "", again: "", isBusy: false, problem: "", done: "" };
  },
  computed: {
    user() {
      return this.me.user;
    },
    way() {
      return this.me.via === "token" ? "a token" : "a session of this browser";
    },
    isLess() {
      return this.me.role !== this.user.role;
    },
    isElsewhere() {
      return !this.hasPassword && this.user.identity_provider !== "local";
    },
  },
  methods: {
    since,
    async change() {
      this.done = "";
      this.problem = this.fresh === this.again ? "" : "The new password was not typed the same way twice.";
      if (this.problem) return;
      this.isBusy = true;
      try {
        await ask("POST", "/me/password", { current: this.hasPassword ? this.current : null, new: this.fresh });
        this.done = "The password is changed. Your other sessions have ended.";
        Object.assign(this, { hasPassword: true, current: "", fresh: "", again: "" });
      } catch (error) {
        this.problem = error.message;
      } finally {
        this.isBusy = false;
      }
    },
  },
};
