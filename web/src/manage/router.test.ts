import { describe, expect, it } from "vitest";
import { href, match } from "./router";

describe("match", () => {
  it("finds the page and its parts", () => {
    expect(match("/")).toEqual({ page: "projects", params: {} });
    expect(match("/projects/p1/tasks/p1-7")).toEqual({ page: "task", params: { project: "p1", task: "p1-7" } });
    expect(match("/projects/p1/settings/")).toEqual({ page: "settings", params: { project: "p1" } });
  });

  it("prefers the fixed word over a project of that name", () => {
    expect(match("/projects/new")?.page).toBe("create");
  });

  it("has no page for what is not ours", () => {
    for (const path of ["/nothing", "/projects", "/projects/p1/tasks/t/more", "/invite/%zz"]) {
      expect(match(path)).toBeUndefined();
    }
  });
});

describe("href", () => {
  it("is the inverse of match, whatever the parts hold", () => {
    for (const token of ["abc", "a/b", "ü ?#&%", "100%"]) {
      expect(match(href("invite", { token }))).toEqual({ page: "invite", params: { token } });
    }
  });

  it("carries a search", () => {
    expect(href("tasks", { project: "p1" }, { search: "a b", status: "open" })).toBe(
      "/projects/p1/tasks?search=a+b&status=open",
    );
  });
});
