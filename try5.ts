import { openSource } from "./src/open/source.ts";
const s=await openSource(process.argv[2]??"",{dataDir:"/tmp/box6/data"}); console.log(s.bytes,s.lines,Math.round(process.resourceUsage().maxRSS/1024),"MB after the first pass"); let n=0; for await(const c of s.read()) n+=c.length; console.log(n===s.bytes,Math.round(process.resourceUsage().maxRSS/1024),"MB");
