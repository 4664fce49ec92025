// The tokens of this user: made, shown once, revoked.

import { ask, confirmed } from "/assets/api.js";
import { since } from "/assets/format.js";

const ROLES = ["viewer", "operator", "admin"];

const template = `
  <section class="panel tokens" data-test="tokens">
    <h2>Your tokens</h2>
    <p class="soft">A token lets a program in. It does no more than its role, and never more than you.</p>
    <form v-if="!isLess" class="line" @submit.prevent="create">
      <label>Name<input v-model="name" maxlength="100" placeholder="what it is for" required></label>
      <label>Role<select v-model="role"><option v-for="one in roles" :key="one">{{ one }}</option></select></label>
      <button class="primary" :disabled="isBusy">Create token</button>
    </form>
    <p v-if="problem" class="problem" role="alert">{{ problem }}</p>
    <div v-if="secret" class="secret" role="status" data-test="secret">
      <p><b>{{ made }}</b>: this is its secret. It is shown this once; keep it now.</p>
      <div class="line">
        <input ref="secret" :value="secret" aria-label="Secret of the token" readonly spellcheck="false" @focus="$event.target.select()">
        <button class="primary" type="button" @click="copy">{{ copied ? "Copied" : "Copy" }}</button>
        <button class="plain" type="button" @click="secret = ''">Done</button>
      </div>
    </div>
    <table v-if="tokens && tokens.length">
      <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Created</th><th scope="col">Last used</th>
        <td></td></tr></thead>
      <tbody>
        <tr v-for="token in tokens" :key="token.id" :class="{ off: token.revoked_at }">
          <th scope="row">{{ token.name }}</th>
          <td data-label="Role">{{ token.role }}</td>
          <td data-label="Created">{{ since(token.created_at) }}</td>
          <td data-label="Last used">{{ since(token.last_used_at) }}</td>
          <td class="acts"><span v-if="token.revoked_at">revoked {{ since(token.revoked_at) }}</span>
            <button v-else-if="!isLess" class="plain" type="button" :aria-label="'Revoke ' + token.name" @click="revoke(token)">
              Revoke</button></td>
        </tr>
      </tbody>
    </table>
    <p v-else class="soft">{{ tokens ? "You have none." : "Loading …" }}</p>
  </section>
`;

export default {
  template,
  props: { me: Object },
  data: () => ({ tokens: null, name: "", role: "viewer", made: "", secret: "", copied: false, isBusy: false, problem: "" }),
  computed: {
    isLess() {
      return this.me.role !== this.me.user.role;
    },
    roles() {
      return ROLES.slice(0, ROLES.indexOf(this.me.role) + 1);
    },
  },
  mounted() {
    this.attempt(() => this.load());
  },
  methods: {
    since,
    async load() {
      this.tokens = (await ask("GET", "/tokens")).tokens;
    },
    create() {
      return this.attempt(async () => {
        const { token, secret } = await ask("POST", "/tokens", { name: this.name, role: this.role });
        Object.assign(this, { made: token.name, secret, copied: false, name: "" });
        await this.load();
      });
    },
    async revoke(token) {
      if (!(await confirmed(`Revoke ${token.name}? Whatever uses it is out with its next request.`, "Revoke"))) return;
      await this.attempt(async () => {
        await ask("DELETE", `/tokens/${token.id}`);
        await this.load();
      });
    },
    // Browsers lend their clipboard to pages over TLS and of this machine; elsewhere the old way is left.
    async copy() {
      this.$refs.secret.select();
      this.copied = await (navigator.clipboard?.writeText(this.secret) ?? Promise.reject()).then(
        () => true,
        () => document.execCommand("copy"),
      );
    },
    async attempt(act) {
      Object.assign(this, { isBusy: true, problem: "" });
      try {
        await act();
      } catch (error) {
        this.problem = error.message;
      } finally {
        this.isBusy = false;
      }
    },
  },
};
