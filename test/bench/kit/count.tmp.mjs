import { registerHooks } from 'node:module';
const n={};
registerHooks({load(u,c,next){const k=u.startsWith('node:')?'node':(u.match(/node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/)?.[1]??'own'); n[k]=(n[k]??0)+1; return next(u,c)}});
await import('@touchstone/kit'); console.log(n);
