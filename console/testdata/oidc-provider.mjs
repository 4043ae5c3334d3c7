// An issuer that is certified by the OpenID Foundation, as a process for tests. It prints
// its address. Its pages take any name; the groups are what follows in it, as ann.hr.crm.
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { HOME_OF_USHER: home, CLIENT_SECRET: secret } = process.env;
const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'usher', client_secret: secret,
      redirect_uris: [`${home}/signin/oidc`], post_logout_redirect_uris: [`${home}/signin`],
      backchannel_logout_uri: `${home}/signin/oidc/logout`, backchannel_logout_session_required: true,
    }],
    claims: { openid: ['sub', 'sid'], profile: ['preferred_username', 'groups'] },
    features: { backchannelLogout: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id.split('.')[0], groups: id.split('.').slice(1) }),
    }),
    cookies: { keys: ['a key for this test'] },
    jwks: { keys: [{ ...key, kid: 'one', use: 'sig', alg: 'RS256' }] },
  });
  provider.on('backchannel.error', (_, error) => console.error('back-channel:', error));
  server.on('request', provider.callback());
  console.log(issuer);
});
