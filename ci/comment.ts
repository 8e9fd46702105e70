// One comment on a pull request: made the first time, edited in place afterwards.
// It is known by a marker that people do not see.
import type { Comment, Repository } from "./github.ts";

/** GitHub takes 65,536 characters. */
const longest = 65_000;

/** @returns whether it was made or edited, or already said so */
export async function putComment(
  repository: Repository,
  pull: number,
  name: string,
  markdown: string,
): Promise<"created" | "edited" | "unchanged"> {
  const marker = `<!-- secret-rotation:${name} -->`;
  const body = `${marker}\n${shortened(markdown, longest - marker.length)}`;
  const comments = await repository.list<Comment>(`/issues/${pull}/comments`, `list the comments of #${pull}`);
  const mine = comments.find((comment) => comment.body.startsWith(marker));
  if (mine?.body === body) return "unchanged";
  if (mine) {
    await repository.call("PATCH", `/issues/comments/${mine.id}`, `edit the comment on #${pull}`, { body: { body } });
    return "edited";
  }
  await repository.call("POST", `/issues/${pull}/comments`, `comment on #${pull}`, { body: { body } });
  return "created";
}

function shortened(markdown: string, room: number): string {
  const more = "\n\n… the rest is in the run's summary.";
  return markdown.length <= room ? markdown : markdown.slice(0, room - more.length) + more;
}
