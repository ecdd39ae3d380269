const t0=performance.now();
const m=process.argv[2].split(',');
let out=[];
for(const x of m){const t=performance.now(); await import(x); out.push(x+' '+(performance.now()-t).toFixed(0));}
console.log(out.join(' | '));
